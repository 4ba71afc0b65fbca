// Layout: where the fields of a record stand, counted in characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/config/config.h"
#include "millrace/base/result.h"

namespace millrace::formats::fixed {

/// Characters [begin, end) of a record, from 0.
struct FieldPlace {
  std::string name;  ///< empty: not named
  int64_t begin = 0, end = 0;
};

/// The fields in the order in which they were named; they may overlap and leave gaps.
struct Layout {
  std::vector<FieldPlace> fields;
  int64_t width = 0;  ///< of a record: where the last field ends
  bool named = false;
};

/// From the options `fields`, or `widths` and `names`. Fails with kFixedLayout.
Result<Layout> MakeLayout(const Config& options);

/// The options that both directions have.
const ConfigSpec& LayoutOptions();

/// A character is a code point of UTF-8; a byte that continues none begins none either.
inline bool BeginsCharacter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}
/// Characters in `text`.
int64_t CountCharacters(std::string_view text);
/// Where character `count` begins; the text's size when it has no more than that.
size_t OffsetOfCharacter(std::string_view text, int64_t count);

}  // namespace millrace::formats::fixed
