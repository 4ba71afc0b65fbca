#include "millrace/formats/csv/index.h"

namespace millrace::formats::csv {

size_t IndexSequential(const uint8_t* data, size_t begin, size_t end,
                       const Dialect& dialect, IndexState* state, uint32_t* out) {
  IndexState s = *state;
  uint32_t* next = out;
  for (size_t i = begin; i < end; ++i) {
    const uint8_t c = data[i];
    s.saw_non_ascii |= c >= 0x80;
    if (s.commented) {
      if (c != static_cast<uint8_t>(dialect.newline)) continue;
      s.commented = false;
      *next++ = static_cast<uint32_t>(i);
      ++s.newlines;
      continue;
    }
    if (s.record_start && c == dialect.comment) {
      s.commented = true;
      continue;
    }
    s.record_start = false;
    const bool after_close = s.after_close != 0;
    const bool after_structural = s.after_structural != 0;
    const bool newline_due = s.after_close_cr != 0;
    s.after_close = s.after_structural = s.after_close_cr = 0;
    if (s.escaped) {
      s.escaped = false;
      continue;
    }
    if (c == dialect.escape) {
      s.escaped = true;
      s.saw_doubled = true;
      s.saw_suspect |= after_close;
      continue;
    }
    if (c == dialect.quote) {
      s.saw_suspect |= newline_due;
      if (s.in_quote != 0) {
        s.in_quote = 0;
        s.after_close = 1;
      } else {
        s.in_quote = ~uint64_t{0};
        s.saw_doubled |= after_close;
        s.saw_suspect |= !after_close && !after_structural;
      }
      continue;
    }
    if (s.in_quote != 0) continue;
    const bool newline = c == static_cast<uint8_t>(dialect.newline);
    if (newline || c == static_cast<uint8_t>(dialect.delimiter)) {
      s.saw_suspect |= newline_due && !newline;
      *next++ = static_cast<uint32_t>(i);
      s.after_structural = 1;
      s.newlines += newline;
      s.record_start = newline;
      continue;
    }
    s.saw_suspect |= newline_due;
    if (after_close) {
      if (c == '\r') {
        s.after_close_cr = 1;
      } else {
        s.saw_suspect = true;
      }
    }
  }
  *state = s;
  return static_cast<size_t>(next - out);
}

}  // namespace millrace::formats::csv
