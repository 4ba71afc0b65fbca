#include "millrace/runtime/late_letters.h"

#include <string>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>

#include "millrace/data/row_text.h"
#include "millrace/runtime/errors.h"

namespace millrace::runtime {

namespace {

// As much of a row as readers keep, too.
constexpr size_t kRawBytes = 64 * 1024;

}  // namespace

Status LateLetters::Take(const arrow::RecordBatch& rows) {
  std::vector<data::DeadLetter> letters;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    ARROW_ASSIGN_OR_RAISE(std::string raw, data::RowText(rows, row));
    raw.resize(std::min(raw.size(), kRawBytes));
    data::DeadLetter letter;
    letter.raw = std::move(raw);
    letter.code = errors::kRowTooLate.number;
    letter.reason = ErrorText(errors::kRowTooLate.Make({}, ""));
    letters.push_back(std::move(letter));
  }
  if (office_ == nullptr)
    return errors::kInternal.Make({}, "a late row has nowhere to go");
  progress_->dead_letters.fetch_add(rows.num_rows(), std::memory_order_relaxed);
  return office_->Take(letters);
}

}  // namespace millrace::runtime
