// NumberForm: numbers as a country writes them, 1.234,56 for 1234.56.
#pragma once

#include <cstddef>

namespace millrace::formats::csv {

/// The bytes that stand in numbers besides digits, signs and exponents. Neither occurs
/// otherwise in a number.
struct NumberForm {
  char decimal = '.';
  int thousands = -1;  ///< byte between groups of three digits, or -1

  /// Are numbers as every parser reads them?
  bool plain() const { return decimal == '.' && thousands < 0; }
};

/// Write the text [b, e) to `out`, which has room for as much, as a plain number: with a
/// dot and no thousands. Answers its end; null when the text holds separators where a
/// number has none. What stands between them is not looked at.
char* PlainNumber(const NumberForm& form, const char* b, const char* e, char* out);

}  // namespace millrace::formats::csv
