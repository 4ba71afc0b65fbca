// A file with the columns that its folders name.
#include <algorithm>
#include <numeric>
#include <utility>

#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/connectors/files/hive_columns.h"

namespace millrace::files {

namespace {

// Where a column of the rows comes from.
struct Origin {
  int file = -1;    // column of the file, or of those that are read of it
  int folder = -1;  // column of the folders
};

class HiveRange final : public formats::RangeReader {
 public:
  HiveRange(std::unique_ptr<formats::RangeReader> range,
            std::shared_ptr<arrow::Schema> schema, std::vector<Origin> origins,
            std::shared_ptr<const HiveColumns> columns, size_t ordinal,
            arrow::MemoryPool* pool)
      : range_(std::move(range)),
        schema_(std::move(schema)),
        origins_(std::move(origins)),
        columns_(std::move(columns)),
        ordinal_(ordinal),
        pool_(pool),
        repeated_(origins_.size()) {}

  Status Seek(const data::Position& position) override { return range_->Seek(position); }

  Result<formats::ReadResult> Next(const Budget& budget, const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(formats::ReadResult read, range_->Next(budget, waker));
    if (read.state != formats::ReadResult::State::kBatch) return read;
    arrow::ArrayVector out;
    for (size_t i = 0; i < origins_.size(); ++i) {
      if (origins_[i].file >= 0) {
        out.push_back(read.rows->column(origins_[i].file));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto values, Repeated(i, read.rows->num_rows()));
        out.push_back(std::move(values));
      }
    }
    read.rows = arrow::RecordBatch::Make(schema_, read.rows->num_rows(), std::move(out));
    return read;
  }

 private:
  // The largest batch so far is shared by those after it.
  Result<std::shared_ptr<arrow::Array>> Repeated(size_t i, int64_t rows) {
    auto& kept = repeated_[i];
    if (!kept || kept->length() < rows) {
      ARROW_ASSIGN_OR_RAISE(
          kept, arrow::MakeArrayFromScalar(*columns_->value(ordinal_, origins_[i].folder),
                                           rows, pool_));
    }
    return kept->Slice(0, rows);
  }

  const std::unique_ptr<formats::RangeReader> range_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<Origin> origins_;
  const std::shared_ptr<const HiveColumns> columns_;
  const size_t ordinal_;
  arrow::MemoryPool* const pool_;
  arrow::ArrayVector repeated_;
};

class HiveFile final : public formats::FileReader {
 public:
  HiveFile(std::shared_ptr<formats::FileReader> file,
           std::shared_ptr<arrow::Schema> schema,
           std::shared_ptr<const HiveColumns> columns, size_t ordinal)
      : file_(std::move(file)),
        schema_(std::move(schema)),
        columns_(std::move(columns)),
        ordinal_(ordinal) {
    for (const auto& field : schema_->fields()) {
      const int folder = columns_->IndexOf(field->name());
      origins_.push_back(
          {folder >= 0 ? -1 : file_->schema()->GetFieldIndex(field->name()), folder});
    }
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::vector<formats::Range>> Ranges(int64_t target_bytes) override {
    return file_->Ranges(target_bytes);
  }

  std::optional<int64_t> MinEventTime(size_t ordinal, int column) override {
    const int own = origins_[static_cast<size_t>(column)].file;
    return own < 0 ? std::nullopt : file_->MinEventTime(ordinal, own);
  }

  Result<std::unique_ptr<formats::RangeReader>> Open(
      size_t ordinal, const formats::Pushdown& pushdown,
      const formats::Context& context) override {
    std::vector<int> wanted(static_cast<size_t>(schema_->num_fields()));
    std::iota(wanted.begin(), wanted.end(), 0);
    if (pushdown.columns) wanted = *pushdown.columns;
    std::vector<int> own;
    for (const int column : wanted) {
      const Origin& origin = origins_[static_cast<size_t>(column)];
      if (origin.file >= 0) own.push_back(origin.file);
    }
    std::sort(own.begin(), own.end());
    std::vector<Origin> origins;
    arrow::FieldVector fields;
    for (const int column : wanted) {
      Origin origin = origins_[static_cast<size_t>(column)];
      if (origin.file >= 0) {
        origin.file = static_cast<int>(
            std::lower_bound(own.begin(), own.end(), origin.file) - own.begin());
      }
      origins.push_back(origin);
      fields.push_back(schema_->field(column));
    }
    formats::Pushdown inner;
    inner.limit = pushdown.limit;
    inner.predicate = columns_->OfFiles(pushdown.predicate);
    inner.columns = std::move(own);
    ARROW_ASSIGN_OR_RAISE(auto range, file_->Open(ordinal, inner, context));
    return std::make_unique<HiveRange>(std::move(range), arrow::schema(std::move(fields)),
                                       std::move(origins), columns_, ordinal_,
                                       context.pool);
  }

 private:
  const std::shared_ptr<formats::FileReader> file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<const HiveColumns> columns_;
  const size_t ordinal_;
  std::vector<Origin> origins_;
};

}  // namespace

std::shared_ptr<formats::FileReader> MakeHiveFile(
    std::shared_ptr<formats::FileReader> file, std::shared_ptr<arrow::Schema> schema,
    std::shared_ptr<const HiveColumns> columns, size_t ordinal) {
  return std::make_shared<HiveFile>(std::move(file), std::move(schema),
                                    std::move(columns), ordinal);
}

}  // namespace millrace::files
