// Framing, blocks and frames by hand: files whose bytes are known.
#include <numeric>

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/memory_pool.h>

#include "millrace/base/error.h"
#include "millrace/base/testing.h"
#include "millrace/io/compression/compression.h"
#include "millrace/io/compression/crc32c.h"
#include "millrace/io/compression/decoder.h"
#include "millrace/io/compression/encoder.h"
#include "millrace/io/compression/framed_file.h"
#include "millrace/io/compression/s2_block.h"

namespace millrace::io {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes BytesOf(std::string_view text) { return {text.begin(), text.end()}; }

// Decode `file` with `step` bytes of input and `room` of output at a time.
Result<std::string> Decoded(Compression compression, std::string_view file, size_t step,
                            size_t room, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto decoder, MakeDecoder(compression, "file", pool));
  std::string out;
  Bytes buffer(room);
  for (size_t at = 0;;) {
    const std::string_view in = file.substr(at, step);
    ARROW_ASSIGN_OR_RAISE(
        const auto done,
        decoder->Decode({reinterpret_cast<const uint8_t*>(in.data()), in.size()},
                        buffer));
    at += static_cast<size_t>(done.read);
    out.append(reinterpret_cast<char*>(buffer.data()), static_cast<size_t>(done.written));
    if (done.read == 0 && done.written == 0 && in.empty()) break;
  }
  ARROW_RETURN_NOT_OK(decoder->End());
  return out;
}

std::string Text(size_t size) {
  std::string out;
  for (size_t i = 0; out.size() < size; ++i) out += std::to_string(i * i % 9973) + ",x\n";
  out.resize(size);
  return out;
}

TEST(Crc32c, KnownSums) {
  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(Bytes(32, 0)), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(Bytes(32, 0xFF)), 0x62A8AB43u);
  Bytes rising(32);
  std::iota(rising.begin(), rising.end(), 0);
  EXPECT_EQ(Crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(BytesOf("123456789")), 0xE3069283u);
  EXPECT_EQ(Crc32c({}), 0u);
}

TEST(S2Block, CopiesAndRepeats) {
  auto decode = [](Bytes block, size_t size) -> std::string {
    std::string out(size, '?');
    const bool good =
        DecodeS2Block(block, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
    return good ? out : "damaged";
  };
  EXPECT_EQ(decode({0}, 0), "");
  EXPECT_EQ(decode({3, 2 << 2, 'a', 'b', 'c'}, 3), "abc");
  EXPECT_EQ(decode({3, 60 << 2, 2, 'a', 'b', 'c'}, 3), "abc");
  // 4 bytes from 2 before; the same again as a repeat; 1 byte from 3 before.
  EXPECT_EQ(decode({6, 1 << 2, 'a', 'b', 0x01, 2}, 6), "ababab");
  EXPECT_EQ(decode({10, 1 << 2, 'a', 'b', 0x01, 2, 0x01, 0}, 10), "ababababab");
  EXPECT_EQ(decode({4, 2 << 2, 'a', 'b', 'c', 0x02, 3, 0}, 4), "abca");
  EXPECT_EQ(decode({4, 2 << 2, 'a', 'b', 'c', 0x03, 3, 0, 0, 0}, 4), "abca");
  // Repeats of 8, 8 + 1, 260 and 65540 bytes.
  EXPECT_EQ(decode({13, 0, 'a', 0x01, 1, 0x01 | 4 << 2, 0}, 13), std::string(13, 'a'));
  EXPECT_EQ(decode({14, 0, 'a', 0x01, 1, 0x01 | 5 << 2, 0, 1}, 14), std::string(14, 'a'));
  EXPECT_EQ(decode({0x89, 2, 0, 'a', 0x01, 1, 0x01 | 6 << 2, 0, 0, 0}, 265),
            std::string(265, 'a'));
  EXPECT_EQ(decode({0x89, 0x80, 4, 0, 'a', 0x01, 1, 0x01 | 7 << 2, 0, 0, 0, 0}, 65545),
            std::string(65545, 'a'));
  // No copy before the repeat; too far back; too long; too short; cut off.
  EXPECT_EQ(decode({5, 0, 'a', 0x01, 0}, 5), "damaged");
  EXPECT_EQ(decode({5, 0, 'a', 0x01, 2}, 5), "damaged");
  EXPECT_EQ(decode({4, 0, 'a', 0x01, 1}, 4), "damaged");
  EXPECT_EQ(decode({6, 0, 'a', 0x01, 1}, 6), "damaged");
  EXPECT_EQ(decode({5, 0, 'a', 0x01}, 5), "damaged");
  EXPECT_EQ(decode({3, 2 << 2, 'a', 'b'}, 3), "damaged");
  EXPECT_EQ(decode({3, 61 << 2, 2}, 3), "damaged");
  EXPECT_EQ(decode({4, 2 << 2, 'a', 'b', 'c', 0x02, 0, 0}, 4), "damaged");
  EXPECT_EQ(decode({}, 0), "damaged");
}

TEST(Compression, NamesAndFirstBytes) {
  EXPECT_EQ(CompressionOfPath("a/x.csv.GZ"), Compression::kGzip);
  EXPECT_EQ(CompressionOfPath("a.gz/x.csv"), Compression::kNone);
  EXPECT_EQ(CompressionOfPath("x.csv.s2"), Compression::kS2);
  EXPECT_EQ(WithoutCompression("x.csv.deflate"), "x.csv");
  EXPECT_EQ(WithoutCompression("x.csv"), "x.csv");
  EXPECT_EQ(CompressionOfBytes("BZh is how this text begins"), Compression::kNone);
  EXPECT_EQ(CompressionOfBytes("BZh91AY&SY.."), Compression::kBzip2);
  EXPECT_EQ(CompressionOfBytes(""), Compression::kNone);
}

// Those whose files may consist of several frames.
std::vector<Compression> Framed() {
  std::vector<Compression> out;
  for (const Compression one : AllCompressions()) {
    if (Concatenates(one)) out.push_back(one);
  }
  return out;
}

class Frames : public ::testing::TestWithParam<Compression> {
 protected:
  arrow::ProxyMemoryPool pool_{arrow::system_memory_pool()};
};

TEST_P(Frames, InStepsOfAllSizes) {
  ASSERT_OK_AND_ASSIGN(auto encoder, MakeFrameEncoder(GetParam(), std::nullopt, &pool_));
  std::string file, text;
  for (const size_t size : {0, 1, 5, 70'000, 0, 1'200'000, 3}) {
    const std::string part = Text(size);
    ASSERT_OK_AND_ASSIGN(auto packed, encoder->Encode(BytesOf(part)));
    file += packed->ToString();
    text += part;
  }
  for (const auto& [step, room] : {std::pair<size_t, size_t>{1 << 20, 1 << 20},
                                   {7, 1 << 16},
                                   {1 << 16, 11},
                                   {file.size(), text.size()}}) {
    ASSERT_OK_AND_ASSIGN(const std::string got,
                         Decoded(GetParam(), file, step, room, &pool_));
    EXPECT_TRUE(got == text) << step << " " << room;
  }
  // A frame that lacks its last byte.
  const auto cut = Decoded(GetParam(), std::string_view(file).substr(0, file.size() - 1),
                           1 << 20, 1 << 20, &pool_);
  EXPECT_EQ(ErrorNumber(cut.status()), 2052);
}

TEST_P(Frames, AreFoundAndReadAnywhere) {
  ASSERT_OK_AND_ASSIGN(auto encoder, MakeFrameEncoder(GetParam(), std::nullopt, &pool_));
  std::string file, text;
  for (int i = 0; i < 4; ++i) {
    const std::string part = Text(900'000 + static_cast<size_t>(i));
    ASSERT_OK_AND_ASSIGN(auto packed, encoder->Encode(BytesOf(part)));
    file += packed->ToString();
    text += part;
  }
  auto bytes =
      std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(file));
  ASSERT_OK_AND_ASSIGN(auto frames, FindFrames(*bytes, GetParam()));
  if (GetParam() == Compression::kBzip2) {
    EXPECT_FALSE(frames.has_value());
    return;
  }
  ASSERT_TRUE(frames.has_value());
  EXPECT_GE(frames->size(), 4u);
  auto cache = std::make_shared<FrameCache>(2 << 20);
  auto plain = MakeFramedFile(bytes, GetParam(), *frames, cache, "file", &pool_);
  ASSERT_OK_AND_ASSIGN(const int64_t size, plain->GetSize());
  ASSERT_EQ(size, static_cast<int64_t>(text.size()));
  for (const int64_t at : {0L, 899'999L, 900'000L, 1'800'000L, size - 1, size, 5L}) {
    ASSERT_OK_AND_ASSIGN(auto got, plain->ReadAt(at, 1'000'000));
    EXPECT_TRUE(got->ToString() == text.substr(static_cast<size_t>(at), 1'000'000)) << at;
  }
  // What is cut off has no frames to offer: reading from the beginning finds the fault.
  for (const size_t less : {1u, 3u, 20u}) {
    auto short_file =
        std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(
            std::string_view(file).substr(0, file.size() - less)));
    ASSERT_OK_AND_ASSIGN(auto none, FindFrames(*short_file, GetParam()));
    EXPECT_FALSE(none.has_value()) << less;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Frames, ::testing::ValuesIn(Framed()),
                         [](const auto& info) {
                           return std::string(NameOf(info.param));
                         });

}  // namespace
}  // namespace millrace::io
