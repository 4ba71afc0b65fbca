// Rows of a later schema as rows of the earlier.
#include <algorithm>
#include <map>

#include <arrow/array/array_base.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/data/schema_policy.h"

namespace millrace::data {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// Casts what fits. One bad value fails a whole array, so that is halved until the bad
// ones stand alone: a batch without any costs one cast.
class Caster {
 public:
  Caster(std::shared_ptr<arrow::DataType> type, arrow::compute::ExecContext* context)
      : type_(std::move(type)), context_(context) {}

  Status Cast(const ArrayPtr& values, int64_t first) {
    auto cast = arrow::compute::Cast(arrow::Datum(values),
                                     arrow::compute::CastOptions::Safe(type_), context_);
    if (cast.ok()) {
      pieces_.push_back(cast->make_array());
      return Status::OK();
    }
    if (!cast.status().IsInvalid()) return cast.status();
    if (values->length() == 1) {
      bad_.push_back(first);
      ARROW_ASSIGN_OR_RAISE(auto null,
                            arrow::MakeArrayOfNull(type_, 1, context_->memory_pool()));
      pieces_.push_back(std::move(null));
      return Status::OK();
    }
    const int64_t half = values->length() / 2;
    ARROW_RETURN_NOT_OK(Cast(values->Slice(0, half), first));
    return Cast(values->Slice(half), first + half);
  }

  Result<ArrayPtr> Finish() const {
    if (pieces_.size() == 1) return pieces_[0];
    return arrow::Concatenate(pieces_, context_->memory_pool());
  }
  const std::vector<int64_t>& bad() const { return bad_; }

 private:
  const std::shared_ptr<arrow::DataType> type_;
  arrow::compute::ExecContext* const context_;
  arrow::ArrayVector pieces_;
  std::vector<int64_t> bad_;
};

}  // namespace

SchemaAdaptor::SchemaAdaptor(std::shared_ptr<arrow::Schema> earlier,
                             const std::shared_ptr<arrow::Schema>& later)
    : earlier_(std::move(earlier)) {
  for (const auto& field : earlier_->fields()) {
    sources_.push_back(later->GetFieldIndex(field->name()));
  }
}

std::vector<int> SchemaAdaptor::Needed(const std::vector<int>& wanted) const {
  std::vector<int> out;
  for (const int column : wanted) {
    if (const int source = SourceOf(column); source >= 0) out.push_back(source);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<SchemaAdaptor::Adapted> SchemaAdaptor::Adapt(const arrow::RecordBatch& rows,
                                                    const std::vector<int>& wanted,
                                                    arrow::MemoryPool* pool) const {
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  const std::vector<int> needed = Needed(wanted);
  Adapted out;
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  std::map<int64_t, BadRow> bad;
  for (const int column : wanted) {
    const auto& field = earlier_->field(column);
    const int source = SourceOf(column);
    ArrayPtr values;
    if (source < 0) {
      ARROW_ASSIGN_OR_RAISE(values,
                            arrow::MakeArrayOfNull(field->type(), rows.num_rows(), pool));
      fields.push_back(field);
      columns.push_back(std::move(values));
      continue;
    }
    const auto at = std::lower_bound(needed.begin(), needed.end(), source);
    values = rows.column(static_cast<int>(at - needed.begin()));
    auto reject = [&](int64_t row) -> Status {
      ARROW_ASSIGN_OR_RAISE(const auto value, values->GetScalar(row));
      bad.try_emplace(row, BadRow{row, field->name(), value->ToString()});
      return Status::OK();
    };
    ArrayPtr cast = values;
    if (!LogicalType(*values->type(), values->type())->Equals(*field->type())) {
      ARROW_ASSIGN_OR_RAISE(values, Decoded(values, pool));
      Caster caster(field->type(), &context);
      ARROW_RETURN_NOT_OK(caster.Cast(values, 0));
      for (const int64_t row : caster.bad()) ARROW_RETURN_NOT_OK(reject(row));
      ARROW_ASSIGN_OR_RAISE(cast, caster.Finish());
    }
    if (!field->nullable() && values->null_count() > 0) {
      for (int64_t row = 0; row < values->length(); ++row) {
        if (values->IsNull(row)) ARROW_RETURN_NOT_OK(reject(row));
      }
    }
    // A dictionary stays one: what follows knows them.
    fields.push_back(field->WithType(cast->type()));
    columns.push_back(std::move(cast));
  }
  out.rows =
      arrow::RecordBatch::Make(arrow::schema(std::move(fields), earlier_->metadata()),
                               rows.num_rows(), std::move(columns));
  if (bad.empty()) return out;
  arrow::Int64Builder kept(pool);
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    if (!bad.contains(row)) ARROW_RETURN_NOT_OK(kept.Append(row));
  }
  ARROW_ASSIGN_OR_RAISE(const auto indices, kept.Finish());
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum taken,
      arrow::compute::Take(arrow::Datum(out.rows), arrow::Datum(indices),
                           arrow::compute::TakeOptions::NoBoundsCheck(), &context));
  out.rows = taken.record_batch();
  for (auto& [row, entry] : bad) out.bad.push_back(std::move(entry));
  return out;
}

}  // namespace millrace::data
