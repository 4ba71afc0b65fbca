// Many plain values at once: integers, reals and timestamps in their usual forms, eight
// or so side by side in the lanes of vectors.
//
// Texts are put into a batch one by one, which costs a few loads and stores and no
// branch; a kernel then judges and converts them together. What is not in the usual form
// is reported as odd and left to the parsers of text_values.h, which decide alone what a
// value is: results never depend on the path.
#pragma once

#include <cstdint>

#include "millrace/formats/text_values.h"

namespace millrace::formats {

/// Texts on their way into a kernel; 16 bytes before and after each may be read.
struct PlainBatch {
  static constexpr int64_t kSize = 256;  // stays in the first-level cache

  alignas(64) uint64_t words[3][kSize];
  alignas(64) int64_t size[kSize];      ///< in characters, the minus left out
  alignas(64) int64_t negative[kSize];  ///< all ones behind a minus
  alignas(64) uint64_t odd[kSize / 64];

  /// For PlainIntegers and PlainReals.
  [[gnu::always_inline]] void PutNumber(int64_t i, const char* b, const char* e) {
    const int64_t minus = *b == '-';
    words[0][i] = LoadWord(e - 8);
    words[1][i] = LoadWord(e - 16);
    size[i] = e - b - minus;
    negative[i] = -minus;
  }

  /// For PlainTimestamps.
  [[gnu::always_inline]] void PutTimestamp(int64_t i, const char* b, const char* e) {
    words[0][i] = LoadWord(b);
    words[1][i] = LoadWord(b + 8);
    words[2][i] = LoadWord(b + 11);
    size[i] = e - b;
  }
};

/// The first `count` texts: values into `out`, and a bit set in `odd` for each that is
/// none in a plain form, whose value is arbitrary. `out` has room for kSize values.
void PlainIntegers(PlainBatch* batch, int64_t count, int64_t* out);
/// At most 16 digits and a dot, below 2^53 without it: as ParsePlainDouble.
void PlainReals(PlainBatch* batch, int64_t count, double* out);
/// YYYY-MM-DD[ T]HH:MM:SS → microseconds since 1970-01-01.
void PlainTimestamps(PlainBatch* batch, int64_t count, int64_t* out);

}  // namespace millrace::formats
