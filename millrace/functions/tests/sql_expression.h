// A reader of small SQL expressions, so that tests can run the examples of the reference.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include "millrace/expr/evaluate.h"
#include "millrace/expr/expression.h"
#include "millrace/functions/functions.h"

namespace millrace::functions {

/// Everything that evaluation needs; columns by name for the reader.
struct Fixture {
  Fixture();
  expr::FunctionRegistry registry;
  arrow::compute::ExecContext arrow_context;
  ManualClock clock{1'700'000'000'000'000};
  expr::EvalContext context;
  std::shared_ptr<arrow::Schema> schema = arrow::schema(arrow::FieldVector());

  /// Literals, columns, calls, casts (x::TYPE, CAST), CASE, operators, parentheses.
  Result<expr::ExprPtr> Parse(const std::string& sql);
  /// The value of `sql` as `millrace sql --format csv` prints it; NULL is empty.
  Result<std::string> Value(const std::string& sql);
  /// One text a row, over `rows`.
  Result<std::vector<std::string>> Values(const std::string& sql,
                                          const arrow::RecordBatch& rows);
};

/// One value as CSV output prints it.
Result<std::string> CsvText(const std::shared_ptr<arrow::Scalar>& value,
                            expr::EvalContext& context);

template <typename Builder, typename T>
std::shared_ptr<arrow::Array> BuildColumn(const std::vector<std::optional<T>>& values) {
  Builder builder;
  for (const auto& value : values) {
    const Status status = value ? builder.Append(*value) : builder.AppendNull();
    if (!status.ok()) return nullptr;
  }
  return *builder.Finish();
}
inline auto Ints(const std::vector<std::optional<int64_t>>& values) {
  return BuildColumn<arrow::Int64Builder>(values);
}
inline auto Doubles(const std::vector<std::optional<double>>& values) {
  return BuildColumn<arrow::DoubleBuilder>(values);
}
inline auto Strings(const std::vector<std::optional<std::string>>& values) {
  return BuildColumn<arrow::StringBuilder>(values);
}

}  // namespace millrace::functions
