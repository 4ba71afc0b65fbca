// A file with the columns of another.
#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/connectors/files/schema_check.h"
#include "millrace/data/errors.h"
#include "millrace/data/row_text.h"
#include "millrace/data/type_name.h"
#include "millrace/formats/input.h"

namespace millrace::files {

namespace {

class AdaptedRange final : public formats::RangeReader {
 public:
  AdaptedRange(std::string name, std::unique_ptr<formats::RangeReader> range,
               std::shared_ptr<const data::SchemaAdaptor> adaptor,
               std::vector<int> wanted, int64_t first_row,
               const formats::Context& context)
      : name_(std::move(name)),
        range_(std::move(range)),
        adaptor_(std::move(adaptor)),
        wanted_(std::move(wanted)),
        first_row_(first_row),
        context_(context) {}

  Status Seek(const data::Position& position) override { return range_->Seek(position); }

  Result<formats::ReadResult> Next(const Budget& budget, const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(formats::ReadResult read, range_->Next(budget, waker));
    if (read.state != formats::ReadResult::State::kBatch) return read;
    const auto rows = std::move(read.rows);
    ARROW_ASSIGN_OR_RAISE(auto adapted, adaptor_->Adapt(*rows, wanted_, context_.pool));
    read.rows = std::move(adapted.rows);
    for (const data::SchemaAdaptor::BadRow& bad : adapted.bad) {
      const Where where{
          .file = name_, .row = RowOf(read, *rows, bad.row), .column = bad.column};
      const auto type = adaptor_->earlier().GetFieldByName(bad.column)->type();
      const Status status = errors::kValueNotMappable.Make(where, "'{}' as {}", bad.value,
                                                           data::SqlTypeName(*type));
      if (context_.bad_rows == data::BadRowPolicy::kFail) return status;
      ARROW_ASSIGN_OR_RAISE(std::string raw, data::RowText(*rows, bad.row));
      read.dead_letters.push_back({.raw = std::move(raw),
                                   .where = where,
                                   .code = errors::kValueNotMappable.number,
                                   .reason = ErrorText(status)});
    }
    return read;
  }

 private:
  // Its number in the file, from 1; −1 where the format does not count rows. Nothing was
  // left out of them: no predicate is pushed below.
  int64_t RowOf(const formats::ReadResult& read, const arrow::RecordBatch& rows,
                int64_t row) const {
    int64_t end = 0;
    if (first_row_ < 0 || !formats::OffsetOf(read.position, &end)) return -1;
    return first_row_ + end - rows.num_rows() + row + 1;
  }

  const std::string name_;
  const std::unique_ptr<formats::RangeReader> range_;
  const std::shared_ptr<const data::SchemaAdaptor> adaptor_;
  const std::vector<int> wanted_;
  const int64_t first_row_;
  const formats::Context context_;
};

class AdaptedFile final : public formats::FileReader {
 public:
  AdaptedFile(std::string name, std::shared_ptr<formats::FileReader> file,
              std::shared_ptr<arrow::Schema> schema, data::SchemaAdaptor adaptor)
      : name_(std::move(name)),
        file_(std::move(file)),
        schema_(std::move(schema)),
        adaptor_(std::make_shared<const data::SchemaAdaptor>(std::move(adaptor))) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::vector<formats::Range>> Ranges(int64_t target_bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto ranges, file_->Ranges(target_bytes));
    std::lock_guard lock(mutex_);
    ranges_ = ranges;
    return ranges;
  }

  std::optional<int64_t> MinEventTime(size_t ordinal, int column) override {
    const int source = adaptor_->SourceOf(column);
    // In another unit the number would mean another time.
    if (source < 0 || !file_->schema()->field(source)->type()->Equals(
                          *schema_->field(column)->type())) {
      return std::nullopt;
    }
    return file_->MinEventTime(ordinal, source);
  }

  Result<std::unique_ptr<formats::RangeReader>> Open(
      size_t ordinal, const formats::Pushdown& pushdown,
      const formats::Context& context) override {
    std::vector<int> wanted(static_cast<size_t>(schema_->num_fields()));
    std::iota(wanted.begin(), wanted.end(), 0);
    if (pushdown.columns) wanted = *pushdown.columns;
    formats::Pushdown inner;
    inner.columns = adaptor_->Needed(wanted);
    inner.limit = pushdown.limit;
    // The predicate speaks of the expected columns; the engine filters in any case.
    ARROW_ASSIGN_OR_RAISE(auto range, file_->Open(ordinal, inner, context));
    return std::make_unique<AdaptedRange>(name_, std::move(range), adaptor_,
                                          std::move(wanted), FirstRow(ordinal), context);
  }

 private:
  int64_t FirstRow(size_t ordinal) {
    std::lock_guard lock(mutex_);
    // Formats that count their rows count them exactly.
    if (ordinal >= ranges_.size() || ranges_[ordinal].approximate_rows < 0) return -1;
    int64_t rows = 0;
    for (size_t i = 0; i < ordinal; ++i) rows += ranges_[i].approximate_rows;
    return rows;
  }

  const std::string name_;
  const std::shared_ptr<formats::FileReader> file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<const data::SchemaAdaptor> adaptor_;
  std::mutex mutex_;
  std::vector<formats::Range> ranges_;
};

}  // namespace

std::shared_ptr<formats::FileReader> MakeAdaptedFile(
    std::string name, std::shared_ptr<formats::FileReader> file,
    std::shared_ptr<arrow::Schema> schema, data::SchemaAdaptor adaptor) {
  return std::make_shared<AdaptedFile>(std::move(name), std::move(file),
                                       std::move(schema), std::move(adaptor));
}

}  // namespace millrace::files
