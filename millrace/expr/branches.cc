#include <arrow/api.h>
#include <arrow/compute/api.h>

#include "millrace/data/dictionary.h"
#include "millrace/expr/branches_internal.h"

namespace millrace::expr {

namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// Row numbers of a batch, ascending.
using RowNumbers = std::vector<int32_t>;

RowNumbers AllRows(int64_t count) {
  RowNumbers rows(count);
  for (int64_t i = 0; i < count; ++i) rows[i] = static_cast<int32_t>(i);
  return rows;
}

ArrayPtr AsArray(const RowNumbers& rows) {
  // Wraps the vector: it must outlive the array, which no caller lets escape.
  return std::make_shared<arrow::Int32Array>(static_cast<int64_t>(rows.size()),
                                             arrow::Buffer::Wrap(rows));
}

Result<ArrayPtr> TakeRows(const ArrayPtr& values, const ArrayPtr& indices,
                          EvalContext& context) {
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum out,
      arrow::compute::Take(values, indices, arrow::compute::TakeOptions::NoBoundsCheck(),
                           context.arrow));
  return out.make_array();
}

// `expr` on some rows. Only the columns that it reads are gathered.
Result<arrow::Datum> EvaluateOn(const Expr& expr, const arrow::RecordBatch& batch,
                                const RowNumbers& rows, EvalContext& context) {
  if (static_cast<int64_t>(rows.size()) == batch.num_rows() ||
      expr.kind() == ExprKind::kLiteral) {
    return EvaluateNode(expr, batch, context);
  }
  const auto count = static_cast<int64_t>(rows.size());
  const ArrayPtr indices = AsArray(rows);
  const std::vector<int> needed = ColumnsOf(expr);
  arrow::ArrayVector columns = batch.columns();
  for (ArrayPtr& column : columns) column = nullptr;
  auto schema = batch.schema();
  for (int i : needed) {
    ARROW_ASSIGN_OR_RAISE(columns[i], TakeRows(batch.column(i), indices, context));
  }
  // The others are never read: any array of the right length will do.
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (columns[i] == nullptr) {
      columns[i] = std::make_shared<arrow::NullArray>(count);
      ARROW_ASSIGN_OR_RAISE(
          schema, schema->SetField(i, schema->field(i)->WithType(arrow::null())));
    }
  }
  return EvaluateNode(expr, *arrow::RecordBatch::Make(schema, count, std::move(columns)),
                      context);
}

// Puts values computed on parts of the rows back into row order: every part is appended
// to one pool of values and each row remembers its place there.
class Gather {
 public:
  Gather(int64_t rows, TypePtr type, EvalContext& context)
      : places_(rows, 0), type_(std::move(type)), context_(context) {}

  Status Add(const RowNumbers& rows, const arrow::Datum& values) {
    if (rows.empty()) return Status::OK();
    if (values.is_scalar()) {
      ARROW_ASSIGN_OR_RAISE(
          ArrayPtr one, arrow::MakeArrayFromScalar(*values.scalar(), 1, context_.pool));
      for (int32_t row : rows) places_[row] = size_;
      return Append(std::move(one));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr plain,
                          data::Decoded(values.make_array(), context_.pool));
    for (size_t i = 0; i < rows.size(); ++i) {
      places_[rows[i]] = size_ + static_cast<int64_t>(i);
    }
    return Append(std::move(plain));
  }

  /// Place `values`, computed on every row, at `rows`.
  Status AddFull(const RowNumbers& rows, const arrow::Datum& values) {
    if (rows.empty()) return Status::OK();
    if (values.is_scalar()) return Add(rows, values);
    ARROW_ASSIGN_OR_RAISE(ArrayPtr plain,
                          data::Decoded(values.make_array(), context_.pool));
    for (int32_t row : rows) places_[row] = size_ + row;
    return Append(std::move(plain));
  }

  Result<arrow::Datum> Finish() {
    if (parts_.empty()) {
      ARROW_ASSIGN_OR_RAISE(ArrayPtr empty, arrow::MakeEmptyArray(type_, context_.pool));
      return arrow::Datum(std::move(empty));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr pool, arrow::Concatenate(parts_, context_.pool));
    const auto indices = std::make_shared<arrow::Int64Array>(
        static_cast<int64_t>(places_.size()), arrow::Buffer::Wrap(places_));
    ARROW_ASSIGN_OR_RAISE(ArrayPtr out, TakeRows(pool, indices, context_));
    return arrow::Datum(std::move(out));
  }

 private:
  Status Append(ArrayPtr values) {
    size_ += values->length();
    parts_.push_back(std::move(values));
    return Status::OK();
  }

  std::vector<int64_t> places_;
  arrow::ArrayVector parts_;
  int64_t size_ = 0;
  TypePtr type_;
  EvalContext& context_;
};

enum class Truth : uint8_t { kFalse, kTrue, kNull };

Truth TruthOf(const arrow::Scalar& value) {
  if (!value.is_valid) return Truth::kNull;
  return static_cast<const arrow::BooleanScalar&>(value).value ? Truth::kTrue
                                                               : Truth::kFalse;
}

Truth TruthOf(const arrow::BooleanArray& values, int64_t i) {
  if (values.IsNull(i)) return Truth::kNull;
  return values.Value(i) ? Truth::kTrue : Truth::kFalse;
}

// rows[i] goes to `yes` where chosen(truth of condition i), else to `no`.
template <typename Chosen>
void Split(const arrow::Datum& condition, const RowNumbers& rows, const Chosen& chosen,
           RowNumbers* yes, RowNumbers* no) {
  if (condition.is_scalar()) {
    (chosen(TruthOf(*condition.scalar())) ? *yes : *no) = rows;
    return;
  }
  const auto array = condition.make_array();
  const auto& values = static_cast<const arrow::BooleanArray&>(*array);
  for (size_t i = 0; i < rows.size(); ++i) {
    (chosen(TruthOf(values, static_cast<int64_t>(i))) ? *yes : *no).push_back(rows[i]);
  }
}

// The first condition is always evaluated everywhere, so it alone may fail freely.
bool NeedsRowsOfItsOwn(const Expr& expr) {
  const auto& children = expr.children();
  for (size_t i = 1; i < children.size(); ++i) {
    if (CanFail(*children[i])) return true;
  }
  return false;
}

}  // namespace

Result<arrow::Datum> EvaluateCase(const Expr& expr, const arrow::RecordBatch& batch,
                                  EvalContext& context) {
  const auto& children = expr.children();
  const bool lazy = NeedsRowsOfItsOwn(expr);
  RowNumbers open = AllRows(batch.num_rows());
  Gather gather(batch.num_rows(), expr.type(), context);
  const auto is_true = [](Truth truth) { return truth == Truth::kTrue; };
  size_t i = 0;
  for (; i + 1 < children.size() && !open.empty(); i += 2) {
    ARROW_ASSIGN_OR_RAISE(arrow::Datum condition,
                          EvaluateOn(*children[i], batch, open, context));
    RowNumbers taken, left;
    Split(condition, open, is_true, &taken, &left);
    if (!taken.empty()) {
      // Gathering inputs costs more than a cheap expression on rows that are not needed.
      if (lazy || taken.size() * 4 < static_cast<size_t>(batch.num_rows())) {
        ARROW_ASSIGN_OR_RAISE(arrow::Datum values,
                              EvaluateOn(*children[i + 1], batch, taken, context));
        ARROW_RETURN_NOT_OK(gather.Add(taken, values));
      } else {
        ARROW_ASSIGN_OR_RAISE(arrow::Datum values,
                              EvaluateNode(*children[i + 1], batch, context));
        if (taken.size() == static_cast<size_t>(batch.num_rows())) return values;
        ARROW_RETURN_NOT_OK(gather.AddFull(taken, values));
      }
    }
    open = std::move(left);
  }
  if (!open.empty()) {
    ARROW_ASSIGN_OR_RAISE(arrow::Datum values,
                          EvaluateOn(*children.back(), batch, open, context));
    ARROW_RETURN_NOT_OK(gather.Add(open, values));
  }
  return gather.Finish();
}

Result<arrow::Datum> EvaluateLogical(const Expr& expr, const arrow::RecordBatch& batch,
                                     EvalContext& context) {
  const auto& children = expr.children();
  const bool is_and = expr.function()->control == Control::kAnd;
  const char* kernel = is_and ? "and_kleene" : "or_kleene";
  const Truth decided = is_and ? Truth::kFalse : Truth::kTrue;
  ARROW_ASSIGN_OR_RAISE(arrow::Datum result, EvaluateNode(*children[0], batch, context));
  for (size_t i = 1; i < children.size(); ++i) {
    arrow::Datum right;
    if (!CanFail(*children[i])) {
      ARROW_ASSIGN_OR_RAISE(right, EvaluateNode(*children[i], batch, context));
    } else {
      RowNumbers open, closed;
      Split(
          result, AllRows(batch.num_rows()),
          [decided](Truth truth) { return truth != decided; }, &open, &closed);
      if (open.empty()) continue;
      ARROW_ASSIGN_OR_RAISE(right, EvaluateOn(*children[i], batch, open, context));
      if (!closed.empty()) {
        Gather gather(batch.num_rows(), arrow::boolean(), context);
        ARROW_RETURN_NOT_OK(gather.Add(open, right));
        ARROW_RETURN_NOT_OK(gather.Add(closed, arrow::Datum(arrow::MakeScalar(!is_and))));
        ARROW_ASSIGN_OR_RAISE(right, gather.Finish());
      }
    }
    ARROW_ASSIGN_OR_RAISE(
        result, arrow::compute::CallFunction(kernel, {result, right}, context.arrow));
  }
  return result;
}

Result<arrow::Datum> EvaluateCoalesce(const Expr& expr, const arrow::RecordBatch& batch,
                                      EvalContext& context) {
  Gather gather(batch.num_rows(), expr.type(), context);
  RowNumbers open = AllRows(batch.num_rows());
  for (const ExprPtr& child : expr.children()) {
    if (open.empty()) break;
    ARROW_ASSIGN_OR_RAISE(arrow::Datum values, EvaluateOn(*child, batch, open, context));
    if (values.is_scalar()) {
      if (values.scalar()->is_valid || child == expr.children().back()) {
        if (open.size() == static_cast<size_t>(batch.num_rows())) return values;
        ARROW_RETURN_NOT_OK(gather.Add(open, values));
        open.clear();
      }
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr plain,
                          data::Decoded(values.make_array(), context.pool));
    if (plain->null_count() == 0 || child == expr.children().back()) {
      if (open.size() == static_cast<size_t>(batch.num_rows())) {
        return arrow::Datum(std::move(plain));
      }
      ARROW_RETURN_NOT_OK(gather.Add(open, plain));
      open.clear();
      break;
    }
    RowNumbers left;
    for (size_t i = 0; i < open.size(); ++i) {
      if (plain->IsNull(static_cast<int64_t>(i))) left.push_back(open[i]);
    }
    // Rows still open are placed again by a later argument.
    ARROW_RETURN_NOT_OK(gather.Add(open, plain));
    open = std::move(left);
  }
  return gather.Finish();
}

}  // namespace millrace::expr
