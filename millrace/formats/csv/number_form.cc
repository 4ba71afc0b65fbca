#include "millrace/formats/csv/number_form.h"

namespace millrace::formats::csv {

char* PlainNumber(const NumberForm& form, const char* b, const char* e, char* out) {
  // Dates and addresses have separators, too (01.02.2024): only a first group of one to
  // three digits and groups of three behind it are a number's.
  int group = 0;         // digits since the last separator
  bool grouped = false;  // a separator stood before
  bool whole = true;     // before the decimal separator and the exponent
  for (; b != e; ++b) {
    const char c = *b;
    if (c >= '0' && c <= '9') {
      ++group;
    } else if (static_cast<unsigned char>(c) == form.thousands) {
      if (!whole || (grouped ? group != 3 : group < 1 || group > 3)) return nullptr;
      grouped = true;
      group = 0;
      continue;
    } else if (c == form.decimal || c == 'e' || c == 'E') {
      if (whole && grouped && group != 3) return nullptr;
      if (c == form.decimal && !whole) return nullptr;
      whole = false;
      if (c == form.decimal) {
        *out++ = '.';
        continue;
      }
    } else if (c == '.') {
      return nullptr;
    }
    *out++ = c;
  }
  return whole && grouped && group != 3 ? nullptr : out;
}

}  // namespace millrace::formats::csv
