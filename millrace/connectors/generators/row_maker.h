// RowMaker: what makes the rows of a generated table, by their numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::generators {

/// Used by one reader. Row n depends on n and the options alone, whatever was asked
/// before.
class RowMaker {
 public:
  virtual ~RowMaker() = default;
  /// Add the numbers of [begin, end) that are rows, in order, to `numbers` until it has
  /// `rows` of them; answers the first number that was not looked at.
  virtual int64_t Select(int64_t begin, int64_t end, int64_t rows,
                         std::vector<int64_t>* numbers) const;
  /// The columns `columns` of the rows `numbers`, which ascend unless the options ask for
  /// disorder.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Make(
      std::span<const int64_t> numbers, const std::vector<int>& columns) = 0;
};

/// A table that can be generated. Immutable; its makers are used on any thread.
struct GeneratedTable {
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = -1;   ///< -1: without an end
  int64_t splits = 0;  ///< 0: one a million rows, one where there is no end
  /// Options that decide what the rows are: a run goes on only where they are the same.
  std::string identity;
  std::function<std::unique_ptr<RowMaker>(arrow::MemoryPool* pool)> new_maker;
  /// Microseconds before which no row from number `begin` on is, where column `column`
  /// is known to grow. May be empty.
  std::function<std::optional<int64_t>(int64_t begin, int column)> min_event_time;
};

}  // namespace millrace::generators
