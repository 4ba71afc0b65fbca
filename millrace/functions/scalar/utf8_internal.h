// Characters of UTF-8 text: one code point is one character.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::functions {

/// A byte that does not begin a character.
inline bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

inline int64_t CountCharacters(std::string_view text) {
  int64_t count = 0;
  for (char c : text) count += IsContinuation(c) ? 0 : 1;
  return count;
}

/// Byte offset of character `index`; the size of the text where it has fewer.
inline size_t OffsetOf(std::string_view text, int64_t index) {
  size_t at = 0;
  while (index > 0 && at < text.size()) {
    ++at;
    while (at < text.size() && IsContinuation(text[at])) ++at;
    --index;
  }
  return at;
}

/// Characters [begin, begin + length) of `text`, whatever part of that exists.
inline std::string_view Characters(std::string_view text, int64_t begin, int64_t length) {
  if (begin < 0) {
    length = length < -begin ? 0 : length + begin;
    begin = 0;
  }
  if (length <= 0) return {};
  const size_t from = OffsetOf(text, begin);
  text.remove_prefix(from);
  return text.substr(0, OffsetOf(text, length));
}

/// Code point of the first character of valid UTF-8 that is not empty.
inline int64_t FirstCodePoint(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return first;
  // The lead byte of n bytes has n leading ones and 7 - n bits of the code.
  int64_t code = first & (first >= 0xF0 ? 0x07 : first >= 0xE0 ? 0x0F : 0x1F);
  for (size_t i = 1; i < text.size() && IsContinuation(text[i]); ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  return code;
}

/// Write `code`, a valid code point, to `out`; gives the number of bytes, 1 to 4.
inline size_t EncodeCharacter(uint32_t code, char* out) {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = size - 1; i > 0; --i, code >>= 6) {
    out[i] = static_cast<char>(0x80 | (code & 0x3F));
  }
  constexpr uint32_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  out[0] = static_cast<char>(kLead[size] | code);
  return size;
}

}  // namespace millrace::functions
