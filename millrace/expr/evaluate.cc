#include "millrace/expr/evaluate.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include "millrace/data/dictionary.h"
#include "millrace/expr/branches_internal.h"
#include "millrace/expr/cast.h"
#include "millrace/expr/dictionary_internal.h"
#include "millrace/expr/errors.h"

namespace millrace::expr {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// The expression as its user knows it.
std::string TextOf(const Expr& expr) {
  if (expr.source() != nullptr) return expr.source()->text;
  switch (expr.kind()) {
    case ExprKind::kColumn: return "column " + expr.name();
    case ExprKind::kCast: return TextOf(*expr.children()[0]);
    case ExprKind::kLiteral: {
      // Numbers as they are written; only EXPLAIN tells their types apart.
      const std::string text = expr.ToString();
      return arrow::is_numeric(expr.type()->id()) ? text.substr(0, text.rfind("::"))
                                                  : text;
    }
    default: return expr.ToString();
  }
}

// Where it stands: a node that the binder added stands where its first child does.
Where PlaceOf(const Expr& expr) {
  Where where;
  const Expr* node = &expr;
  while (node->source() == nullptr && !node->children().empty()) {
    node = node->children()[0].get();
  }
  if (node->source() != nullptr) {
    where.line = node->source()->line;
    where.column_number = node->source()->column;
  }
  return where;
}

// Arrow's kernels answer with text of their own: give it the number it deserves.
Status Numbered(const Status& status, const Expr& expr) {
  if (status.ok() || status.IsOutOfMemory()) return status;
  if (const ErrorDetail* detail = ErrorDetail::Of(status); detail != nullptr) {
    if (detail->number() == errors::kInternal.number) return status;
    return detail->where().line >= 0 ? status : WithWhere(status, PlaceOf(expr));
  }
  const std::string& text = status.message();
  auto says = [&text](const char* part) { return text.find(part) != std::string::npos; };
  if (says("divide by zero"))
    return errors::kDivisionByZero.Make(PlaceOf(expr), "{}", TextOf(expr));
  if (says("overflow")) {
    return errors::kNumericOverflow.Make(PlaceOf(expr), "{}", TextOf(expr));
  }
  return errors::kEvaluationFailed.Make(PlaceOf(expr), "{}: {}", TextOf(expr), text);
}

Result<arrow::Datum> EvaluateCall(const Expr& expr, const arrow::RecordBatch& rows,
                                  EvalContext& context) {
  const ScalarFunction& function = *expr.function();
  switch (function.control) {
    case Control::kAnd:
    case Control::kOr: return EvaluateLogical(expr, rows, context);
    case Control::kCoalesce: return EvaluateCoalesce(expr, rows, context);
    case Control::kPlain:
    case Control::kIf: break;
  }
  std::vector<arrow::Datum> arguments;
  arguments.reserve(expr.children().size());
  for (const ExprPtr& child : expr.children()) {
    ARROW_ASSIGN_OR_RAISE(arrow::Datum value, EvaluateNode(*child, rows, context));
    if (value.is_array() && value.type()->id() == arrow::Type::DICTIONARY) {
      ARROW_ASSIGN_OR_RAISE(value, data::Decoded(value.make_array(), context.pool));
    }
    arguments.push_back(std::move(value));
  }
  auto result = function.evaluate(context, arguments, rows.num_rows(), expr.type());
  if (!result.ok()) return Numbered(result.status(), expr);
  return result;
}

Result<arrow::Datum> EvaluateCast(const Expr& expr, const arrow::RecordBatch& rows,
                                  EvalContext& context) {
  const Expr& input = *expr.children()[0];
  ARROW_ASSIGN_OR_RAISE(arrow::Datum value, EvaluateNode(input, rows, context));
  const std::string what = TextOf(input);
  auto out = CastDatum(value, expr.type(), expr.lenient(), what, context);
  if (!out.ok()) return Numbered(out.status(), expr);
  return out;
}

Result<arrow::Datum> EvaluateColumn(const Expr& expr, const arrow::RecordBatch& rows,
                                    EvalContext& context) {
  if (expr.column() < 0 || expr.column() >= rows.num_columns()) {
    return errors::kInternal.Make({}, "column {} of {}", expr.ToString(),
                                  rows.num_columns());
  }
  const ArrayPtr& column = rows.column(expr.column());
  const auto& logical = data::LogicalType(*column->type(), column->type());
  if (!logical->Equals(*expr.type())) {
    return errors::kInternal.Make({}, "column {} has type {}, its expression {}",
                                  expr.ToString(), logical->ToString(),
                                  expr.type()->ToString());
  }
  return arrow::Datum(column);
}

}  // namespace

Result<arrow::Datum> EvaluateNode(const Expr& expr, const arrow::RecordBatch& rows,
                                  EvalContext& context) {
  switch (expr.kind()) {
    case ExprKind::kLiteral: return arrow::Datum(expr.literal());
    case ExprKind::kColumn: return EvaluateColumn(expr, rows, context);
    default: break;
  }
  if (const int column = DictionaryColumn(expr, rows); column >= 0) {
    return EvaluateOverDictionary(expr, rows, column, context);
  }
  switch (expr.kind()) {
    case ExprKind::kCall: return EvaluateCall(expr, rows, context);
    case ExprKind::kCast: return EvaluateCast(expr, rows, context);
    default: return EvaluateCase(expr, rows, context);
  }
}

Result<arrow::Datum> Evaluate(const Expr& expr, const arrow::RecordBatch& rows,
                              EvalContext& context) {
  return EvaluateNode(expr, rows, context);
}

Result<ArrayPtr> EvaluateToArray(const Expr& expr, const arrow::RecordBatch& rows,
                                 EvalContext& context) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum value, EvaluateNode(expr, rows, context));
  if (value.is_scalar()) {
    return arrow::MakeArrayFromScalar(*value.scalar(), rows.num_rows(), context.pool);
  }
  return value.make_array();
}

Result<std::shared_ptr<arrow::Int32Array>> EvaluateToSelection(
    const Expr& expr, const arrow::RecordBatch& rows, EvalContext& context) {
  if (expr.type()->id() != arrow::Type::BOOL) {
    return errors::kInternal.Make({}, "the condition {} is not boolean", expr.ToString());
  }
  ARROW_ASSIGN_OR_RAISE(ArrayPtr values, EvaluateToArray(expr, rows, context));
  const auto& truths = static_cast<const arrow::BooleanArray&>(*values);
  const int64_t count = rows.num_rows();
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(
                                         (count + 1) * sizeof(int32_t), context.pool));
  auto* out = reinterpret_cast<int32_t*>(buffer->mutable_data());
  int64_t kept = 0;
  // The row is always written and the end moves only if it counts: no branch to
  // mispredict.
  if (truths.null_count() == 0) {
    for (int64_t i = 0; i < count; ++i) {
      out[kept] = static_cast<int32_t>(i);
      kept += truths.Value(i) ? 1 : 0;
    }
  } else {
    for (int64_t i = 0; i < count; ++i) {
      out[kept] = static_cast<int32_t>(i);
      kept +=
          static_cast<int64_t>(truths.IsValid(i)) & static_cast<int64_t>(truths.Value(i));
    }
  }
  ARROW_RETURN_NOT_OK(buffer->Resize(kept * static_cast<int64_t>(sizeof(int32_t)), true));
  return std::make_shared<arrow::Int32Array>(kept, std::move(buffer));
}

Result<ExprPtr> FoldConstants(const ExprPtr& expr, EvalContext& context) {
  if (expr->kind() == ExprKind::kLiteral || expr->kind() == ExprKind::kColumn)
    return expr;
  if (expr->is_constant()) {
    const auto one_row = arrow::RecordBatch::Make(arrow::schema(arrow::FieldVector()), 1,
                                                  arrow::ArrayVector());
    auto value = EvaluateToArray(*expr, *one_row, context);
    if (value.ok()) {
      ARROW_ASSIGN_OR_RAISE(auto scalar, (*value)->GetScalar(0));
      ExprPtr literal = Expr::Literal(std::move(scalar));
      return expr->source() == nullptr ? literal : literal->WithSource(expr->source());
    }
    if (value.status().IsOutOfMemory()) return value.status();
  }
  std::vector<ExprPtr> children;
  bool changed = false;
  for (const ExprPtr& child : expr->children()) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr folded, FoldConstants(child, context));
    changed |= folded != child;
    children.push_back(std::move(folded));
  }
  return changed ? expr->WithChildren(std::move(children)) : expr;
}

}  // namespace millrace::expr
