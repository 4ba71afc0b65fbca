// The structural index: where fields end, found 64 bytes at a time.
//
// A byte is structural when it is a delimiter or line end outside quotes. Being inside
// quotes is decided by parity alone (an odd number of quotes stands before the byte), so
// that a range of a file needs nothing but the parity of everything before it. Quotes in
// places where parity and the rules of CSV part ways are reported as suspect, and
// somebody slower looks at the fields.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/formats/csv/dialect.h"

namespace millrace::formats::csv {

/// Bytes before and after every indexed or parsed buffer that may be read (not used).
inline constexpr int64_t kPadding = 64;

/// What the index must remember from one piece of input to the next. The flags stay set
/// until their owner clears them.
struct IndexState {
  uint64_t in_quote = 0;          ///< all ones inside a quoted field
  uint64_t after_structural = 1;  ///< 1: the previous byte ended a field, or none was
  uint64_t after_close = 0;       ///< 1: the previous byte closed a quote
  uint64_t after_close_cr = 0;  ///< 1: … and this one's predecessor is a '\r' after it
  bool escaped = false;         ///< the next byte is literal
  bool commented = false;       ///< inside a comment line
  bool record_start = true;     ///< kept by the sequential index only

  int64_t newlines = 0;
  bool saw_doubled = false;  ///< a doubled quote or an escape: fields need unescaping
  bool saw_suspect = false;  ///< a quote in a wrong place
  bool saw_non_ascii = false;
};

/// Append the offsets (from `data`) of the structural bytes in [begin, end) to `out` and
/// answer their number. Reads up to kPadding bytes past `end`. `out` must have room for
/// end - begin + 64 entries.
size_t IndexStructure(const uint8_t* data, size_t begin, size_t end,
                      const Dialect& dialect, IndexState* state, uint32_t* out);

/// The same one byte at a time: the only one for escapes and comments, and the reference
/// that tests compare the other with.
size_t IndexSequential(const uint8_t* data, size_t begin, size_t end,
                       const Dialect& dialect, IndexState* state, uint32_t* out);

/// How often `byte` occurs.
int64_t CountByte(const uint8_t* data, size_t size, uint8_t byte);

/// Does any of the four bytes occur? Reads nothing outside [data, data + size).
bool ContainsAny(const uint8_t* data, size_t size, const uint8_t (&bytes)[4]);

}  // namespace millrace::formats::csv
