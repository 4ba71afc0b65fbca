// Row groups that can't hold a matching row are not read.
#include <algorithm>

#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>
#include <parquet/metadata.h>
#include <parquet/schema.h>
#include <parquet/statistics.h>

#include "millrace/base/memory_budget.h"
#include "millrace/formats/parquet/parquet_internal.h"

namespace millrace::formats::parquet_format {

namespace {

using Comparison = data::Predicate::Comparison;
using ScalarPtr = std::shared_ptr<arrow::Scalar>;

struct Extremes {
  ScalarPtr min, max;
  int64_t nulls = -1;  // −1: not known
  int64_t rows = 0;
};

// A flat column's statistics; false when there are none.
bool ExtremesOf(const parquet::FileMetaData& metadata, int row_group,
                const std::string& column, Extremes* out) {
  const parquet::SchemaDescriptor& schema = *metadata.schema();
  for (int i = 0; i < schema.num_columns(); ++i) {
    // A field of a struct is no column, though its path may look like one's name.
    const auto path = schema.Column(i)->path()->ToDotVector();
    if (path.size() != 1 || path[0] != column) continue;
    if (schema.Column(i)->max_repetition_level() > 0) return false;
    auto group = metadata.RowGroup(row_group);
    std::shared_ptr<parquet::Statistics> statistics;
    try {
      statistics = group->ColumnChunk(i)->statistics();
    } catch (const parquet::ParquetException&) {
      // It is encrypted with a key that is not there.
    }
    if (!statistics) return false;
    out->rows = group->num_rows();
    if (statistics->HasNullCount()) out->nulls = statistics->null_count();
    if (statistics->HasMinMax() &&
        !parquet::arrow::StatisticsAsScalars(*statistics, &out->min, &out->max).ok()) {
      out->min = out->max = nullptr;
    }
    return true;
  }
  return false;
}

// `function` of the two, where both are known and it can be said for certain.
bool Certainly(const char* function, const ScalarPtr& left, const ScalarPtr& right) {
  if (!left || !right) return false;
  auto value = right->CastTo(left->type);
  // A lossy cast of the constant (1.5 to an integer) would move the bound: compare only
  // what survives the way back.
  if (!value.ok()) return false;
  auto back = (*value)->CastTo(right->type);
  if (!back.ok() || !(*back)->Equals(*right)) return false;
  arrow::compute::ExecContext context(ProcessMemoryPool());
  auto answer = arrow::compute::CallFunction(
      function, {arrow::Datum(left), arrow::Datum(*value)}, &context);
  return answer.ok() && answer->scalar()->is_valid &&
         answer->scalar_as<arrow::BooleanScalar>().value;
}

bool CertainlyLess(const ScalarPtr& left, const ScalarPtr& right) {
  return Certainly("less", left, right);
}

bool CertainlyGreater(const ScalarPtr& left, const ScalarPtr& right) {
  return Certainly("greater", left, right);
}

bool MayCompare(const Extremes& extremes, Comparison comparison, const ScalarPtr& value) {
  if (extremes.nulls == extremes.rows && extremes.rows > 0) return false;
  switch (comparison) {
    case Comparison::kEqual:
      return !CertainlyLess(extremes.max, value) &&
             !CertainlyGreater(extremes.min, value);
    case Comparison::kNotEqual: return true;
    case Comparison::kLess:
      // All values are ≥ min; min ≥ value leaves none below it.
      return !(CertainlyGreater(extremes.min, value) ||
               (extremes.min && extremes.min->Equals(*value)));
    case Comparison::kLessEqual: return !CertainlyGreater(extremes.min, value);
    case Comparison::kGreater:
      return !(CertainlyLess(extremes.max, value) ||
               (extremes.max && extremes.max->Equals(*value)));
    case Comparison::kGreaterEqual: return !CertainlyLess(extremes.max, value);
  }
  return true;
}

}  // namespace

std::optional<int64_t> MinMicros(const parquet::FileMetaData& metadata, int row_group,
                                 const std::string& column) {
  Extremes extremes;
  if (!ExtremesOf(metadata, row_group, column, &extremes) || !extremes.min)
    return std::nullopt;
  if (extremes.min->type->id() != arrow::Type::TIMESTAMP) return std::nullopt;
  const auto& type = static_cast<const arrow::TimestampType&>(*extremes.min->type);
  const int64_t value = static_cast<const arrow::TimestampScalar&>(*extremes.min).value;
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND: return value * 1'000'000;
    case arrow::TimeUnit::MILLI: return value * 1'000;
    case arrow::TimeUnit::MICRO: return value;
    // Rounded down: an earlier minimum holds time back a little, a later one would lose
    // rows.
    case arrow::TimeUnit::NANO: return value / 1'000 - (value % 1'000 < 0 ? 1 : 0);
  }
  return std::nullopt;
}

bool MayMatch(const parquet::FileMetaData& metadata, int row_group,
              const arrow::Schema& schema, const data::Predicate& predicate) {
  using Kind = data::Predicate::Kind;
  auto child_may = [&](const data::PredicatePtr& child) {
    return MayMatch(metadata, row_group, schema, *child);
  };
  switch (predicate.kind) {
    case Kind::kAnd:
      return std::all_of(predicate.children.begin(), predicate.children.end(), child_may);
    case Kind::kOr:
      return std::any_of(predicate.children.begin(), predicate.children.end(), child_may);
    case Kind::kNot:
    case Kind::kPrefix: return true;
    default: break;
  }
  Extremes extremes;
  if (!ExtremesOf(metadata, row_group, predicate.column, &extremes)) return true;
  switch (predicate.kind) {
    case Kind::kIsNull: return extremes.nulls != 0;
    case Kind::kCompare:
      return MayCompare(extremes, predicate.comparison, predicate.values[0]);
    case Kind::kIn:
      return std::any_of(predicate.values.begin(), predicate.values.end(),
                         [&](const ScalarPtr& value) {
                           return MayCompare(extremes, Comparison::kEqual, value);
                         });
    default: return true;
  }
}

}  // namespace millrace::formats::parquet_format
