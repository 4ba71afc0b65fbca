// NotNull: holds rows to what a table declares.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/plan/table.h"

namespace millrace::runtime {

/// The columns that a table declares NOT NULL, by their place in the rows. Immutable.
class NotNull {
 public:
  NotNull() = default;
  /// `columns`: which of the table's columns the rows have, in order. A schema that was
  /// not declared promises nothing.
  NotNull(const plan::Table& table, const std::vector<int>& columns) : name_(table.name) {
    if (!table.declared || table.schema == nullptr) return;
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto& field = table.schema->field(columns[i]);
      if (!field->nullable()) columns_.emplace_back(static_cast<int>(i), field->name());
    }
  }
  bool empty() const { return columns_.empty(); }

  Status Check(const arrow::RecordBatch& rows) const {
    for (const auto& [index, column] : columns_) {
      if (rows.column(index)->null_count() == 0) continue;
      return errors::kNullNotAllowed.Make({.column = column}, "of {}", name_);
    }
    return Status::OK();
  }

 private:
  std::string name_;
  std::vector<std::pair<int, std::string>> columns_;
};

}  // namespace millrace::runtime
