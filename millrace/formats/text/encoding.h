// Text encodings: from other ones to UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace::formats {

enum class TextEncoding { kUtf8, kUtf16Le, kUtf16Be, kLatin1, kWindows1252 };

/// Choices of the option 'encoding': "auto" first.
const std::vector<std::string>& EncodingChoices();

/// How a text is encoded that begins with `head`, as `choice` of EncodingChoices says; by
/// its byte order mark where that is "auto" or "utf-16". Absent: `head` is too short to
/// tell, and more bytes will come (not `complete`).
std::optional<TextEncoding> EncodingOf(std::string_view choice, std::string_view head,
                                       bool complete);

/// Turns bytes into UTF-8, piece by piece. A byte order mark stays one. Unicode 15,
/// chapter 3.9; windows-1252 as the WHATWG's Encoding Standard has it.
class ToUtf8 {
 public:
  static constexpr size_t kLeastRoom = 4;  ///< of `out`
  static constexpr size_t kMostBytes = 4;  ///< of a character

  /// `file` is for errors. Not for kUtf8.
  ToUtf8(TextEncoding encoding, std::string file)
      : encoding_(encoding), file_(std::move(file)) {}

  struct Step {
    size_t read = 0;
    size_t written = 0;
  };
  /// As much of `in` as there is room for. What is left of it, when there is room, is a
  /// part of a character. Fails with kBadText.
  Result<Step> Convert(std::span<const uint8_t> in, std::span<uint8_t> out);
  /// Nothing follows `left`, which Convert did not read. Fails with kBadText.
  Status End(std::span<const uint8_t> left) const;

 private:
  Result<Step> ConvertUtf16(std::span<const uint8_t> in, std::span<uint8_t> out);

  const TextEncoding encoding_;
  const std::string file_;
  int64_t done_ = 0;  // bytes read
};

}  // namespace millrace::formats
