// A file whose structs are columns.
#pragma once

#include <memory>
#include <optional>

#include "millrace/formats/flat/columns.h"
#include "millrace/formats/stored_columns.h"

namespace millrace::formats::flat {

/// Reads only the nested columns that the wanted ones are in.
class FlatFile final : public FileReader {
 public:
  /// `declared`: what the stream has instead of `columns`, where that differs.
  FlatFile(std::unique_ptr<FileReader> nested, FlatColumns columns,
           std::optional<StoredColumns> declared);

  const FileReader& nested() const { return *nested_; }
  const FlatColumns& columns() const { return *columns_; }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    return nested_->Ranges(target_bytes);
  }
  std::optional<int64_t> MinEventTime(size_t ordinal, int column) override;
  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override;

 private:
  int FlatColumn(int column) const;
  bool same_types() const { return !declared_ || declared_->same_types; }
  data::PredicatePtr OfNested(const data::PredicatePtr& predicate) const;

  const std::unique_ptr<FileReader> nested_;
  const std::shared_ptr<const FlatColumns> columns_;
  const std::shared_ptr<const StoredColumns> declared_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace millrace::formats::flat
