// Sample: complete records taken from one place of a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/csv/rows.h"

namespace millrace::formats::csv {

/// Records of a piece of text, parted into fields. Owns the text.
class Sample {
 public:
  /// `text` begins with a record, or inside a quoted field (`in_quote`), whose record is
  /// left out then. `complete`: the input ends where the text does, so a last line
  /// without end counts. At most `max_records`; blank lines and comments don't count.
  Sample(std::string_view text, const Dialect& dialect, bool in_quote, bool complete,
         int64_t max_records);

  int64_t num_records() const { return static_cast<int64_t>(first_.size()); }
  int width(int64_t record) const;
  Field field(int64_t record, int column) const;
  /// Offset in the text after the record's line end.
  int64_t end_of(int64_t record) const;
  /// All quotes stand where CSV allows them.
  bool valid_quotes() const { return valid_quotes_; }
  bool all_of_width(int width) const;

 private:
  const Dialect& dialect_;
  int64_t size_;
  std::string text_;  // padded on both sides
  std::vector<uint32_t> entries_;
  std::vector<size_t> first_;  // index in entries_ of each record's first field end
  std::vector<uint32_t> begin_;
  std::vector<size_t> count_;
  bool valid_quotes_ = true;
};

}  // namespace millrace::formats::csv
