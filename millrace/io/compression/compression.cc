#include "millrace/io/compression/compression.h"

#include <algorithm>
#include <cctype>

#include <arrow/util/compression.h>

namespace millrace::io {

namespace {

using std::string_view_literals::operator""sv;

struct Row {
  Compression compression;
  std::string_view name;
  std::vector<std::string_view> extensions;  // the usual one first
  bool concatenates;
};

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {Compression::kGzip, "gzip", {".gz", ".gzip"}, true},
      {Compression::kDeflate, "deflate", {".zz", ".deflate"}, false},
      {Compression::kZstd, "zstd", {".zst", ".zstd"}, true},
      {Compression::kLz4, "lz4", {".lz4"}, true},
      {Compression::kSnappy, "snappy", {".sz", ".snappy"}, true},
      {Compression::kS2, "s2", {".s2"}, true},
      {Compression::kBrotli, "brotli", {".br"}, false},
      {Compression::kBzip2, "bzip2", {".bz2"}, true},
  };
  return rows;
}

const Row* RowOf(Compression compression) {
  for (const Row& row : Rows()) {
    if (row.compression == compression) return &row;
  }
  return nullptr;
}

bool EndsWith(std::string_view text, std::string_view lower_end) {
  if (text.size() < lower_end.size()) return false;
  text.remove_prefix(text.size() - lower_end.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(text[i])) != lower_end[i]) return false;
  }
  return true;
}

// The row and the extension's size.
std::pair<Compression, size_t> ByExtension(std::string_view path) {
  for (const Row& row : Rows()) {
    for (const std::string_view extension : row.extensions) {
      if (EndsWith(path, extension)) return {row.compression, extension.size()};
    }
  }
  return {Compression::kNone, 0};
}

}  // namespace

const std::vector<Compression>& AllCompressions() {
  static const std::vector<Compression> all = [] {
    std::vector<Compression> out;
    for (const Row& row : Rows()) out.push_back(row.compression);
    return out;
  }();
  return all;
}

std::string_view NameOf(Compression compression) {
  const Row* row = RowOf(compression);
  return row != nullptr ? row->name : "none";
}

std::optional<Compression> CompressionNamed(std::string_view name) {
  if (name == "none") return Compression::kNone;
  for (const Row& row : Rows()) {
    if (row.name == name) return row.compression;
  }
  return std::nullopt;
}

std::string_view ExtensionOf(Compression compression) {
  const Row* row = RowOf(compression);
  return row != nullptr ? row->extensions.front() : "";
}

Compression CompressionOfPath(std::string_view path) { return ByExtension(path).first; }

std::string_view WithoutCompression(std::string_view path) {
  return path.substr(0, path.size() - ByExtension(path).second);
}

bool HasMagic(Compression compression) {
  return compression != Compression::kNone && compression != Compression::kDeflate &&
         compression != Compression::kBrotli;
}

Compression CompressionOfBytes(std::string_view head) {
  if (head.starts_with("\x1F\x8B\x08"sv)) return Compression::kGzip;
  if (head.starts_with("\x28\xB5\x2F\xFD"sv)) return Compression::kZstd;
  if (head.starts_with("\x04\x22\x4D\x18"sv)) return Compression::kLz4;
  if (head.starts_with("\xFF\x06\0\0sNaPpY"sv)) return Compression::kSnappy;
  if (head.starts_with("\xFF\x06\0\0S2sTwO"sv)) return Compression::kS2;
  // A text may begin with BZh: the first block's mark counts, or that of the end.
  if (head.starts_with("BZh") && head.size() >= 10 && head[3] >= '1' && head[3] <= '9' &&
      (head.substr(4).starts_with("\x31\x41\x59\x26\x53\x59"sv) ||
       head.substr(4).starts_with("\x17\x72\x45\x38\x50\x90"sv))) {
    return Compression::kBzip2;
  }
  return Compression::kNone;
}

bool MayHaveMagic(std::string_view head) {
  constexpr std::string_view kBegins[] = {"\x1F\x8B\x08"sv,       "\x28\xB5\x2F\xFD"sv,
                                          "\x04\x22\x4D\x18"sv,   "\xFF\x06\0\0sNaPpY"sv,
                                          "\xFF\x06\0\0S2sTwO"sv, "BZh"sv};
  for (const std::string_view begin : kBegins) {
    const size_t size = std::min(head.size(), begin.size());
    if (head.substr(0, size) == begin.substr(0, size)) return head.size() < kMagicBytes;
  }
  return false;
}

bool Concatenates(Compression compression) {
  const Row* row = RowOf(compression);
  return row == nullptr || row->concatenates;
}

std::optional<Levels> LevelsOf(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
    case Compression::kDeflate: return Levels{1, 9, 6};
    case Compression::kZstd: return Levels{1, 22, 3};
    case Compression::kLz4: return Levels{1, 12, 1};
    case Compression::kBrotli: return Levels{0, 11, 5};
    case Compression::kBzip2: return Levels{1, 9, 9};
    default: return std::nullopt;
  }
}

arrow::Compression::type ArrowTypeOf(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
    case Compression::kDeflate: return arrow::Compression::GZIP;
    case Compression::kZstd: return arrow::Compression::ZSTD;
    case Compression::kLz4: return arrow::Compression::LZ4_FRAME;
    case Compression::kSnappy:
    case Compression::kS2: return arrow::Compression::SNAPPY;
    case Compression::kBrotli: return arrow::Compression::BROTLI;
    case Compression::kBzip2: return arrow::Compression::BZ2;
    case Compression::kNone: break;
  }
  return arrow::Compression::UNCOMPRESSED;
}

}  // namespace millrace::io
