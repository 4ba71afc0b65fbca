// Structure: where the bytes of JSON text stand, by strings and brackets alone.
//
// What a byte is follows from two facts about all bytes before it: is it inside a string,
// and how many brackets are open. Both can be computed of a stretch of text without
// knowing what stands before it, and put together later, so that ranges of a file are
// looked at in any order. Nothing is checked: a bracket closes any other, and a backslash
// escapes the byte behind it everywhere, as simdjson sees it, too.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/formats/json/options.h"

namespace millrace::formats::json {

/// Before one byte.
struct Structure {
  bool in_string = false;
  bool escaped = false;  ///< an odd number of backslashes stands right before it
  int64_t depth = 0;     ///< brackets that are open

  /// Go over one byte. Answers whether it closes a bracket.
  bool Step(char c) {
    if (c == '\\') {
      escaped = !escaped;
      return false;
    }
    const bool quote = c == '"' && !escaped;
    escaped = false;
    if (quote) in_string = !in_string;
    if (in_string) return false;
    if (c == '{' || c == '[') ++depth;
    if (c != '}' && c != ']') return false;
    --depth;
    return true;
  }
};

/// What a stretch of text does, whatever stands before it.
struct StructureDelta {
  int64_t outside = 0;      ///< change of the depth when it begins outside strings
  int64_t inside = 0;       ///< … inside one
  int64_t low_outside = 0;  ///< least change on the way, 0 at the most
  int64_t low_inside = 0;
  int64_t closers = 0;  ///< closing brackets, within strings too
  bool quotes_odd = false;
  bool escapes_next = false;  ///< the byte behind it is escaped

  /// The least depth on the way.
  int64_t LowAfter(const Structure& before) const {
    return before.depth + (before.in_string ? low_inside : low_outside);
  }
  Structure After(const Structure& before) const {
    return {.in_string = before.in_string != quotes_odd,
            .escaped = escapes_next,
            .depth = before.depth + (before.in_string ? inside : outside)};
  }
};

/// Of the `size` bytes at `data`, of which the first is `escaped` or not. Up to kPadding
/// bytes behind them are read. 64 bytes at a time.
StructureDelta ScanStructure(const char* data, size_t size, bool escaped);

/// Goes over text byte by byte and says where records end. Of an array, records are what
/// stands between its commas; of objects, what ends with a closing bracket.
class RecordEnds {
 public:
  enum class End { kNone, kRecord, kAll };

  RecordEnds(Layout layout, const Structure& at) : layout_(layout), at_(at) {}

  /// kRecord: the byte is the last of a record (a comma between elements is the last byte
  /// of the one before it). kAll: it closes more than records, which an
  /// array's last bracket does.
  End Step(char c) {
    const bool closes = at_.Step(c);
    if (layout_ == Layout::kObjects) {
      if (closes && at_.depth < 0) return End::kAll;
      return closes && at_.depth == 0 ? End::kRecord : End::kNone;
    }
    if (closes && at_.depth <= 0) return End::kAll;
    return c == ',' && at_.depth == 1 && !at_.in_string ? End::kRecord : End::kNone;
  }

  const Structure& at() const { return at_; }

 private:
  Layout layout_;
  Structure at_;
};

/// Brackets open where a record begins.
inline int64_t RecordDepth(Layout layout) { return layout == Layout::kArray ? 1 : 0; }

}  // namespace millrace::formats::json
