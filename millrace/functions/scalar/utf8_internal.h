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

}  // namespace millrace::functions
