#include "millrace/formats/flat/flat_file.h"

#include <algorithm>
#include <numeric>

#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millrace::formats::flat {

namespace {

class FlatRange final : public RangeReader {
 public:
  // `wanted`: of the stream's columns; `flat`: the same of `columns`; `have`: what
  // `range` gives of the nested ones.
  FlatRange(std::unique_ptr<RangeReader> range,
            std::shared_ptr<const FlatColumns> columns,
            std::shared_ptr<const StoredColumns> declared, std::vector<int> wanted,
            std::vector<int> flat, std::vector<int> have, arrow::MemoryPool* pool)
      : range_(std::move(range)),
        columns_(std::move(columns)),
        declared_(std::move(declared)),
        wanted_(std::move(wanted)),
        flat_(std::move(flat)),
        have_(std::move(have)),
        pool_(pool) {}

  Status Seek(const data::Position& position) override { return range_->Seek(position); }

  Result<ReadResult> Next(const Budget& budget, const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(ReadResult read, range_->Next(budget, waker));
    if (read.state != ReadResult::State::kBatch) return read;
    ARROW_ASSIGN_OR_RAISE(read.rows, columns_->Flatten(*read.rows, have_, flat_, pool_));
    if (declared_) {
      ARROW_ASSIGN_OR_RAISE(read.rows,
                            declared_->Fit(std::move(read.rows), wanted_, pool_));
    }
    return read;
  }

 private:
  const std::unique_ptr<RangeReader> range_;
  const std::shared_ptr<const FlatColumns> columns_;
  const std::shared_ptr<const StoredColumns> declared_;
  const std::vector<int> wanted_, flat_, have_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

FlatFile::FlatFile(std::unique_ptr<FileReader> nested, FlatColumns columns,
                   std::optional<StoredColumns> declared)
    : nested_(std::move(nested)),
      columns_(std::make_shared<const FlatColumns>(std::move(columns))),
      declared_(declared ? std::make_shared<const StoredColumns>(*std::move(declared))
                         : nullptr),
      schema_(declared_ ? declared_->schema : columns_->schema()) {}

int FlatFile::FlatColumn(int column) const {
  return declared_ ? declared_->fields[static_cast<size_t>(column)] : column;
}

std::optional<int64_t> FlatFile::MinEventTime(size_t ordinal, int column) {
  const int flat = FlatColumn(column);
  if (!same_types() || !columns_->is_whole(flat)) return std::nullopt;
  return nested_->MinEventTime(ordinal, columns_->nested_column(flat));
}

// Statistics of a field inside a struct are not asked for.
data::PredicatePtr FlatFile::OfNested(const data::PredicatePtr& predicate) const {
  if (!predicate || !same_types()) return nullptr;
  return data::OnlyOf(predicate, [this](const std::string& name) {
    const int column = schema_->GetFieldIndex(name);
    return column >= 0 && columns_->is_whole(FlatColumn(column));
  });
}

Result<std::unique_ptr<RangeReader>> FlatFile::Open(size_t ordinal,
                                                    const Pushdown& pushdown,
                                                    const Context& context) {
  std::vector<int> wanted(static_cast<size_t>(schema_->num_fields()));
  std::iota(wanted.begin(), wanted.end(), 0);
  if (pushdown.columns) wanted = *pushdown.columns;
  std::vector<int> flat, have;
  for (const int column : wanted) {
    flat.push_back(FlatColumn(column));
    have.push_back(columns_->nested_column(flat.back()));
  }
  std::sort(have.begin(), have.end());
  have.erase(std::unique(have.begin(), have.end()), have.end());
  Pushdown inner;
  inner.columns = have;
  inner.predicate = OfNested(pushdown.predicate);
  inner.limit = pushdown.limit;
  ARROW_ASSIGN_OR_RAISE(auto range, nested_->Open(ordinal, inner, context));
  return std::make_unique<FlatRange>(std::move(range), columns_, declared_,
                                     std::move(wanted), std::move(flat), std::move(have),
                                     context.pool);
}

}  // namespace millrace::formats::flat
