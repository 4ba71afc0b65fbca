// Any bytes as a file of snappy or S2: no crash, the same plain bytes whether the file is
// taken in one piece or in many, and the same through its frames, where it has any.
#include <cstdlib>
#include <string>

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/memory_pool.h>

#include "millrace/io/compression/decoder.h"
#include "millrace/io/compression/framed_file.h"

namespace {

using namespace millrace;  // NOLINT

constexpr size_t kMostPlain = 16 << 20;

// What the file unpacks to; cut where that is too much. An error ends it.
Status Unpack(std::string_view file, size_t step, size_t room, arrow::MemoryPool* pool,
              std::string* out) {
  ARROW_ASSIGN_OR_RAISE(auto decoder,
                        io::MakeDecoder(io::Compression::kSnappy, "file", pool));
  std::string buffer(room, '\0');
  for (size_t at = 0; out->size() < kMostPlain;) {
    const std::string_view in = file.substr(at, step);
    ARROW_ASSIGN_OR_RAISE(
        const auto done,
        decoder->Decode({reinterpret_cast<const uint8_t*>(in.data()), in.size()},
                        {reinterpret_cast<uint8_t*>(buffer.data()), buffer.size()}));
    at += static_cast<size_t>(done.read);
    out->append(buffer.data(), static_cast<size_t>(done.written));
    if (done.read == 0 && done.written == 0 && in.empty()) return decoder->End();
  }
  return Status::OK();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  arrow::MemoryPool* pool = arrow::system_memory_pool();
  const std::string_view file(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::string whole, steps;
  const Status first = Unpack(file, file.size() + 1, 1 << 16, pool, &whole);
  const Status second =
      Unpack(file, 1 + size_t{data[0]}, 1 + size_t{data[1]} * 16, pool, &steps);
  if (whole.size() < kMostPlain && steps.size() < kMostPlain) {
    if (first.ok() != second.ok() || (first.ok() && whole != steps)) std::abort();
  }
  // Of the others only that their headers are walked without harm.
  auto bytes =
      std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(file));
  auto frames = io::FindFrames(*bytes, io::CompressionOfBytes(file));
  if (!frames.ok()) std::abort();
  if (!frames->has_value() || !first.ok() || whole.size() >= kMostPlain) return 0;
  auto plain =
      io::MakeFramedFile(bytes, io::CompressionOfBytes(file), **frames,
                         std::make_shared<io::FrameCache>(1 << 20), "file", pool);
  auto all = plain->ReadAt(0, static_cast<int64_t>(whole.size()) + 1);
  if (!all.ok() || (*all)->ToString() != whole) std::abort();
  return 0;
}
