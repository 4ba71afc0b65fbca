#include "millrace/formats/orc/tail.h"

#include <algorithm>
#include <string_view>

#include <arrow/adapters/orc/adapter.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/formats/orc/footer.h"
#include "millrace/formats/orc/wire.h"

namespace millrace::formats::orc_format {

namespace {

constexpr std::string_view kMagic = "ORC";
// The head of a chunk has 23 bits for its size.
constexpr uint64_t kMostChunkBytes = uint64_t{1} << 23;
constexpr uint64_t kDefaultChunkBytes = 256 * 1024;
constexpr int64_t kMostPostscript = 255;

// Fields of the messages, by number.
namespace postscript {
constexpr uint32_t kFooterLength = 1;
constexpr uint32_t kCompression = 2;
constexpr uint32_t kBlockSize = 3;
constexpr uint32_t kMetadataLength = 5;
constexpr uint32_t kMagicText = 8000;
}  // namespace postscript
namespace footer {
constexpr uint32_t kContentLength = 2;
constexpr uint32_t kStripes = 3;
constexpr uint32_t kNumberOfRows = 6;
constexpr uint32_t kStatistics = 7;
}  // namespace footer

struct Postscript {
  uint64_t footer_bytes = 0;
  uint64_t metadata_bytes = 0;
  uint64_t compression = 0;
  uint64_t chunk_bytes = kDefaultChunkBytes;
};

bool ParsePostscript(std::string_view bytes, Postscript* out) {
  WireReader fields(bytes);
  for (WireField field; fields.Next(&field);) {
    switch (field.number) {
      case postscript::kFooterLength: out->footer_bytes = field.value; break;
      case postscript::kCompression: out->compression = field.value; break;
      case postscript::kBlockSize: out->chunk_bytes = field.value; break;
      case postscript::kMetadataLength: out->metadata_bytes = field.value; break;
      default: break;
    }
  }
  return fields.ok();
}

bool ParseStripe(std::string_view bytes, StripePlace* out) {
  uint64_t* const places[] = {&out->offset, &out->index_bytes, &out->data_bytes,
                              &out->footer_bytes, &out->rows};
  WireReader fields(bytes);
  for (WireField field; fields.Next(&field);) {
    if (field.number >= 1 && field.number <= std::size(places)) {
      *places[field.number - 1] = field.value;
    }
  }
  return fields.ok();
}

// Chunks that say of themselves that they are not compressed.
std::string InChunks(const std::string& bytes, uint64_t chunk_bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += chunk_bytes) {
    const size_t size = std::min<size_t>(chunk_bytes, bytes.size() - at);
    const size_t head = size << 1 | 1;
    for (const int shift : {0, 8, 16}) {
      out.push_back(static_cast<char>(head >> shift & 0xFF));
    }
    out.append(bytes, at, size);
  }
  return out;
}

}  // namespace

Status CheckTail(arrow::io::RandomAccessFile& file, const std::string& name,
                 arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file.GetSize());
  const auto magic_size = static_cast<int64_t>(kMagic.size());
  if (size < magic_size + 1) return Status::Invalid("it has ", size, " bytes");
  const int64_t end_size = std::min(size, kMostPostscript + 1);
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(end_size, pool));
  const char* const bytes = reinterpret_cast<const char*>(buffer->data());
  ARROW_ASSIGN_OR_RAISE(int64_t got, file.ReadAt(0, magic_size, buffer->mutable_data()));
  if (got < magic_size || std::string_view(bytes, kMagic.size()) != kMagic) {
    return Status::Invalid("it does not begin as an ORC file does");
  }
  ARROW_ASSIGN_OR_RAISE(got,
                        file.ReadAt(size - end_size, end_size, buffer->mutable_data()));
  if (got < end_size) return Status::Invalid("it has become shorter");
  const std::string_view end(bytes, static_cast<size_t>(end_size));
  const size_t postscript_size = static_cast<uint8_t>(end.back());
  if (postscript_size + 1 > end.size()) {
    return Status::Invalid("its last byte names a postscript of ", postscript_size,
                           " bytes");
  }
  Postscript parsed;
  if (!ParsePostscript(end.substr(end.size() - 1 - postscript_size, postscript_size),
                       &parsed)) {
    return Status::Invalid("it does not end with a postscript");
  }
  const auto room = static_cast<uint64_t>(size) - 1 - postscript_size;
  if (parsed.footer_bytes > room || parsed.metadata_bytes > room - parsed.footer_bytes) {
    return Status::Invalid("its postscript names ", parsed.metadata_bytes, " and ",
                           parsed.footer_bytes, " bytes before it, there are ", room);
  }
  if (parsed.chunk_bytes > kMostChunkBytes) {
    return Status::Invalid("its postscript names chunks of ", parsed.chunk_bytes,
                           " bytes");
  }
  const auto footer_bytes = static_cast<int64_t>(parsed.footer_bytes);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> footer,
                        arrow::AllocateBuffer(footer_bytes, pool));
  ARROW_ASSIGN_OR_RAISE(got, file.ReadAt(static_cast<int64_t>(room) - footer_bytes,
                                         footer_bytes, footer->mutable_data()));
  if (got != footer_bytes) return Status::Invalid("it has become shorter");
  ARROW_ASSIGN_OR_RAISE(
      footer, PlainFooter(footer, parsed.compression,
                          static_cast<int64_t>(parsed.chunk_bytes), name, pool));
  return CheckTypes(std::string_view(*footer));
}

Result<Tail> ReadTail(const std::shared_ptr<arrow::io::RandomAccessFile>& file,
                      arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::adapters::orc::ORCFileReader::Open(file, pool));
  Tail out;
  const std::string serialized = reader->GetSerializedFileTail();
  WireReader parts(serialized);
  for (WireField part; parts.Next(&part);) {
    if (part.number == 1) out.postscript = part.bytes;
    if (part.number == 2) out.footer = part.bytes;
  }
  Postscript parsed;
  if (!parts.ok() || !ParsePostscript(out.postscript, &parsed)) {
    return Status::Invalid("a tail that can't be read");
  }
  WireReader fields(out.footer);
  for (WireField field; fields.Next(&field);) {
    if (field.number == footer::kStatistics) out.statistics.emplace_back(field.bytes);
    if (field.number == footer::kStripes &&
        !ParseStripe(field.bytes, &out.stripes.emplace_back())) {
      return Status::Invalid("a stripe that can't be read");
    }
  }
  if (!fields.ok()) return Status::Invalid("a footer that can't be read");
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  out.metadata_bytes = static_cast<int64_t>(parsed.metadata_bytes);
  out.metadata_begin = size - 1 - reader->GetFilePostscriptLength() -
                       static_cast<int64_t>(parsed.footer_bytes) - out.metadata_bytes;
  return out;
}

std::string WriteTail(const Tail& like, const std::vector<StripePlace>& stripes,
                      const std::vector<ColumnStatistics>& statistics,
                      int64_t content_bytes, int64_t metadata_bytes) {
  WireWriter message;
  WireReader footer_fields(like.footer);
  for (WireField field; footer_fields.Next(&field);) {
    if (field.number != footer::kContentLength && field.number != footer::kStripes &&
        field.number != footer::kNumberOfRows && field.number != footer::kStatistics) {
      message.Whole(field.whole);
    }
  }
  uint64_t rows = 0;
  message.Varint(footer::kContentLength, static_cast<uint64_t>(content_bytes));
  for (const StripePlace& stripe : stripes) {
    WireWriter place;
    place.Varint(1, stripe.offset);
    place.Varint(2, stripe.index_bytes);
    place.Varint(3, stripe.data_bytes);
    place.Varint(4, stripe.footer_bytes);
    place.Varint(5, stripe.rows);
    message.Bytes(footer::kStripes, place.text());
    rows += stripe.rows;
  }
  message.Varint(footer::kNumberOfRows, rows);
  for (const ColumnStatistics& column : statistics) {
    message.Bytes(footer::kStatistics, column.Write());
  }

  Postscript parsed;
  ParsePostscript(like.postscript, &parsed);
  std::string out =
      parsed.compression == 0
          ? message.text()
          : InChunks(message.text(), std::max<uint64_t>(parsed.chunk_bytes, 1));
  WireWriter end;
  end.Varint(postscript::kFooterLength, out.size());
  WireReader postscript_fields(like.postscript);
  for (WireField field; postscript_fields.Next(&field);) {
    if (field.number != postscript::kFooterLength &&
        field.number != postscript::kMetadataLength &&
        field.number != postscript::kMagicText) {
      end.Whole(field.whole);
    }
  }
  end.Varint(postscript::kMetadataLength, static_cast<uint64_t>(metadata_bytes));
  end.Bytes(postscript::kMagicText, kMagic);
  out += end.text();
  out.push_back(static_cast<char>(end.text().size()));
  return out;
}

}  // namespace millrace::formats::orc_format
