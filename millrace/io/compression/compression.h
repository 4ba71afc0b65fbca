// How a file of text is compressed: names, extensions, first bytes, levels.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/util/type_fwd.h>

namespace millrace::io {

enum class Compression {
  kNone,
  kGzip,
  kDeflate,  ///< in the wrapping of zlib
  kZstd,
  kLz4,     ///< frames
  kSnappy,  ///< framing format
  kS2,      ///< framing format of snappy with blocks of S2
  kBrotli,
  kBzip2,
};

/// All but kNone.
const std::vector<Compression>& AllCompressions();

/// "gzip".
std::string_view NameOf(Compression compression);
std::optional<Compression> CompressionNamed(std::string_view name);

/// The usual extension, with its dot; "" of kNone.
std::string_view ExtensionOf(Compression compression);
/// By the last extension of `path`, in any case.
Compression CompressionOfPath(std::string_view path);
/// `path` without the extension that tells its compression.
std::string_view WithoutCompression(std::string_view path);

/// Do files of that kind tell themselves by their first bytes?
bool HasMagic(Compression compression);
/// Bytes that are enough for CompressionOfBytes.
constexpr size_t kMagicBytes = 12;
/// By the first bytes of a file; kNone where they tell nothing.
Compression CompressionOfBytes(std::string_view head);

/// Could CompressionOfBytes tell more if `head`, which is short, went on?
bool MayHaveMagic(std::string_view head);

/// Are files that are put after one another one file?
bool Concatenates(Compression compression);

struct Levels {
  int least = 0, most = 0, standard = 0;
};
/// What levels there are; none where the format has none.
std::optional<Levels> LevelsOf(Compression compression);

/// Arrow's name of the algorithm; of kLz4 that of frames.
arrow::Compression::type ArrowTypeOf(Compression compression);

}  // namespace millrace::io
