// ValueKinds: what the texts of a sampled column have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <arrow/type_fwd.h>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/text_dictionary.h"

namespace millrace::formats::csv {

/// Is the text something else than text: a number, a time, true or false?
bool IsTyped(std::string_view text, const Dialect& dialect);

/// Of the values of one column, NULLs left out. See csv/infer.h for the types.
class ValueKinds {
 public:
  /// Leaves `text` longer than it was.
  void Observe(std::string* text, const Dialect& dialect);
  std::shared_ptr<arrow::DataType> type() const;
  /// Few values come often: a dictionary pays.
  bool repeats() const;

 private:
  uint32_t kinds_ = 0;
  TextDictionary distinct_;
  int64_t values_ = 0;  // counted into distinct_
};

}  // namespace millrace::formats::csv
