#include <algorithm>
#include <numeric>

#include <arrow/adapters/orc/adapter.h>
#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/input.h"
#include "millrace/formats/orc/orc_internal.h"
#include "millrace/formats/orc/tail.h"
#include "millrace/formats/range_list.h"
#include "millrace/formats/stored_columns.h"

namespace millrace::formats::orc_format {

namespace {

namespace orc = arrow::adapters::orc;

constexpr int64_t kMaxBatchRows = 64 * 1024;
// Streams are known by their compressed size only: rows are taken to be so much larger.
constexpr int64_t kExpansion = 4;

struct Stripe {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t bytes = 0;
};

struct File {
  std::string name;
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  StoredColumns columns;
  std::vector<Stripe> stripes;
};

// What the library says of a file, with our number.
template <typename Function>
auto CaughtReading(const std::string& file, Function&& function) -> decltype(function()) {
  return Caught(errors::kOrcBroken, file, [&]() -> decltype(function()) {
    auto result = function();
    const Status& status = result.status();
    if (!status.ok() && ErrorDetail::Of(status) == nullptr &&
        status.message().find("out of range for nanosecond") != std::string::npos) {
      return errors::kOrcTimestamp.Make({.file = file}, "{}", status.message());
    }
    return result;
  });
}

// Damaged bytes make decimals of more digits than the column has, and text inside nested
// columns that is none. Flat text is looked at apart.
bool MayBeOff(const arrow::DataType& type) {
  return type.num_fields() > 0 || arrow::is_decimal(type.id());
}

class OrcRange final : public RangeReader {
 public:
  OrcRange(std::shared_ptr<const File> file, const Range& range, Pushdown pushdown,
           const Context& context)
      : file_(std::move(file)),
        end_(range.end),
        pushdown_(std::move(pushdown)),
        context_(context),
        next_stripe_(range.begin) {
    const arrow::Schema& schema = *file_->columns.schema;
    if (pushdown_.columns) {
      wanted_ = *pushdown_.columns;
    } else {
      wanted_.resize(static_cast<size_t>(schema.num_fields()));
      std::iota(wanted_.begin(), wanted_.end(), 0);
    }
    for (const int column : wanted_) {
      fields_.push_back(file_->columns.fields[static_cast<size_t>(column)]);
    }
    std::sort(fields_.begin(), fields_.end());
    if (range.begin < range.end) {
      first_row_ = file_->stripes[static_cast<size_t>(range.begin)].first_row;
    }
  }

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    if (!OffsetOf(position, &rows_to_skip_)) {
      return errors::kInternal.Make({.file = file_->name},
                                    "a position that this range never gave");
    }
    rows_done_ = rows_to_skip_;
    return Status::OK();
  }

  Result<ReadResult> Next(const Budget& budget, const Waker&) override {
    return CaughtReading(file_->name, [&] { return NextRows(budget); });
  }

 private:
  Result<ReadResult> NextRows(const Budget& budget) {
    ReadResult out;
    if (pushdown_.limit && rows_done_ >= *pushdown_.limit) return out;
    for (;;) {
      if (rows_left_ == 0) {
        out.bytes_read += stripe_bytes_;
        stripe_bytes_ = 0;
        if (next_stripe_ == end_) return out;
        ARROW_RETURN_NOT_OK(BeginStripe(budget));
        continue;
      }
      std::shared_ptr<arrow::RecordBatch> rows;
      if (fields_.empty()) {
        // COUNT(*) reads no column: rows without columns, from the footer alone.
        rows = arrow::RecordBatch::Make(
            arrow::schema({}), std::min(rows_left_, batch_rows_), arrow::ArrayVector{});
      } else {
        ARROW_RETURN_NOT_OK(batches_->ReadNext(&rows));
        if (!rows || rows->num_rows() == 0 || rows->num_rows() > rows_left_) {
          return Status::Invalid("stripe ", next_stripe_ - 1,
                                 " does not have the rows that the footer says");
        }
        for (const auto& column : rows->columns()) {
          if (MayBeOff(*column->type())) ARROW_RETURN_NOT_OK(column->ValidateFull());
        }
        ARROW_ASSIGN_OR_RAISE(rows, InOrder(*rows));
      }
      ARROW_ASSIGN_OR_RAISE(rows,
                            file_->columns.Fit(std::move(rows), wanted_, context_.pool));
      ARROW_RETURN_NOT_OK(CheckUtf8(*rows, first_row_ + rows_done_, file_->name,
                                    errors::kOrcInvalidUtf8));
      const int64_t part = stripe_bytes_ * rows->num_rows() / rows_left_;
      out.bytes_read += part;
      stripe_bytes_ -= part;
      rows_left_ -= rows->num_rows();
      rows_done_ += rows->num_rows();
      out.state = ReadResult::State::kBatch;
      out.rows = std::move(rows);
      out.position = OffsetPosition(rows_done_);
      return out;
    }
  }

  Status BeginStripe(const Budget& budget) {
    const Stripe& stripe = file_->stripes[static_cast<size_t>(next_stripe_++)];
    const int64_t skip = std::min(rows_to_skip_, stripe.rows);
    rows_to_skip_ -= skip;
    rows_left_ = stripe.rows - skip;
    if (rows_left_ == 0) return Status::OK();
    stripe_bytes_ = stripe.bytes;
    // Wide rows: as many as the budget has bytes for.
    const int64_t row_bytes = stripe.bytes / stripe.rows * kExpansion + 1;
    batch_rows_ = std::clamp<int64_t>(std::min(budget.rows, budget.bytes / row_bytes), 1,
                                      kMaxBatchRows);
    if (fields_.empty()) return Status::OK();
    if (!reader_) {
      ARROW_ASSIGN_OR_RAISE(reader_,
                            orc::ORCFileReader::Open(file_->file, context_.pool));
    }
    ARROW_RETURN_NOT_OK(reader_->Seek(stripe.first_row + skip));
    ARROW_ASSIGN_OR_RAISE(batches_, reader_->NextStripeReader(batch_rows_, fields_));
    if (!batches_) return Status::Invalid("stripe ", next_stripe_ - 1, " is missing");
    return Status::OK();
  }

  // The library gives columns in the order of the file.
  Result<std::shared_ptr<arrow::RecordBatch>> InOrder(
      const arrow::RecordBatch& rows) const {
    if (rows.num_columns() != static_cast<int>(fields_.size())) {
      return Status::Invalid("columns are missing");
    }
    std::vector<int> order;
    for (const int column : wanted_) {
      const int field = file_->columns.fields[static_cast<size_t>(column)];
      const auto at = std::lower_bound(fields_.begin(), fields_.end(), field);
      order.push_back(static_cast<int>(at - fields_.begin()));
    }
    return rows.SelectColumns(order);
  }

  const std::shared_ptr<const File> file_;
  const int64_t end_;
  const Pushdown pushdown_;
  const Context context_;
  int64_t next_stripe_;
  int64_t first_row_ = 0;    // of the range, in the file
  std::vector<int> wanted_;  // columns of the schema
  std::vector<int> fields_;  // of the file, ascending
  std::unique_ptr<orc::ORCFileReader> reader_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;
  int64_t batch_rows_ = 0;
  int64_t rows_left_ = 0;  // of the stripe
  int64_t rows_done_ = 0;
  int64_t rows_to_skip_ = 0;
  int64_t stripe_bytes_ = 0;
};

class OrcFile final : public FileReader {
 public:
  explicit OrcFile(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override {
    return file_->columns.schema;
  }

  const StoredColumns& columns() const { return file_->columns; }

  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    return ranges_.Once([&] { return Cut(target_bytes); });
  }

  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override {
    ARROW_ASSIGN_OR_RAISE(const Range range, ranges_.At(ordinal, file_->name));
    return std::make_unique<OrcRange>(file_, range, pushdown, context);
  }

 private:
  std::vector<Range> Cut(int64_t target_bytes) const {
    std::vector<Range> ranges;
    for (size_t i = 0; i < file_->stripes.size(); ++i) {
      const Stripe& stripe = file_->stripes[i];
      const auto number = static_cast<int64_t>(i);
      if (ranges.empty() ||
          ranges.back().approximate_bytes + stripe.bytes > target_bytes) {
        ranges.push_back({number, number, 0, 0});
      }
      Range& range = ranges.back();
      range.end = number + 1;
      range.approximate_bytes += stripe.bytes;
      range.approximate_rows += stripe.rows;
    }
    if (ranges.empty()) ranges.push_back({0, 0, 0, 0});
    return ranges;
  }

  const std::shared_ptr<const File> file_;
  RangeList ranges_;
};

// Where the footer says that stripes are, they must be able to be.
Result<std::vector<Stripe>> Stripes(orc::ORCFileReader& reader, int64_t file_size) {
  std::vector<Stripe> out;
  int64_t rows = 0;
  for (int64_t i = 0; i < reader.NumberOfStripes(); ++i) {
    const orc::StripeInformation stripe = reader.GetStripeInformation(i);
    if (stripe.offset < 0 || stripe.length < 0 || stripe.num_rows < 0 ||
        stripe.offset > file_size || stripe.length > file_size - stripe.offset ||
        stripe.first_row_id != rows || stripe.num_rows > INT64_MAX - rows) {
      return Status::Invalid("stripe ", i, " is said to have ", stripe.num_rows,
                             " rows in ", stripe.length, " bytes at ", stripe.offset);
    }
    rows += stripe.num_rows;
    out.push_back({stripe.first_row_id, stripe.num_rows, stripe.length});
  }
  if (rows != reader.NumberOfRows()) {
    return Status::Invalid("its stripes have ", rows, " rows, its footer says ",
                           reader.NumberOfRows());
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<FileReader>> OpenOrcReader(
    Input input, const std::shared_ptr<arrow::Schema>& declared, const FileReader* first,
    const Context& context) {
  const std::string name = input.name;
  const StoredColumns* first_columns =
      first != nullptr ? &static_cast<const OrcFile*>(first)->columns() : nullptr;
  return CaughtReading(name, [&]() -> Result<std::unique_ptr<FileReader>> {
    auto file = std::make_shared<File>();
    file->name = name;
    file->file = input.file;
    ARROW_RETURN_NOT_OK(CheckTail(*input.file, name, context.pool));
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          orc::ORCFileReader::Open(input.file, context.pool));
    ARROW_ASSIGN_OR_RAISE(auto stored, reader->ReadSchema());
    ARROW_ASSIGN_OR_RAISE(const int64_t size, input.file->GetSize());
    ARROW_ASSIGN_OR_RAISE(file->stripes, Stripes(*reader, size));
    ARROW_ASSIGN_OR_RAISE(
        file->columns,
        MapStoredColumns(*stored, declared, first_columns, name, errors::kOrcSchema));
    return std::make_unique<OrcFile>(std::move(file));
  });
}

}  // namespace millrace::formats::orc_format
