#include "millrace/runtime/row_rules.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include "millrace/data/row_kinds.h"
#include "millrace/data/row_text.h"
#include "millrace/operators/evaluation.h"
#include "millrace/runtime/errors.h"

namespace millrace::runtime {

namespace {

// As much of a row as readers keep, too.
constexpr size_t kRawBytes = 64 * 1024;

NotNull NotNullOf(const plan::WriteNode& write) {
  // Columns behind the declared ones are none of the user's.
  const auto& declared = write.table()->schema;
  const int width = write.schema()->num_fields();
  std::vector<int> columns(
      static_cast<size_t>(declared ? std::min(width, declared->num_fields()) : width));
  std::iota(columns.begin(), columns.end(), 0);
  return NotNull(*write.table(), columns);
}

Where WhereOf(const plan::Table& table) {
  Where where;
  if (const auto path = table.options.find("path"); path != table.options.end())
    where.file = path->second;
  return where;
}

}  // namespace

class RowRules::Evaluator {
 public:
  explicit Evaluator(const operators::OperatorContext& context) : evaluation_(context) {}

  // Which rows bear `rule`; null: all do.
  Result<std::shared_ptr<arrow::Array>> Borne(const plan::RowRule& rule,
                                              const arrow::RecordBatch& rows) {
    ARROW_ASSIGN_OR_RAISE(
        const auto values,
        expr::EvaluateToArray(*rule.condition, rows, evaluation_.context()));
    const auto& booleans = static_cast<const arrow::BooleanArray&>(*values);
    const int64_t known = booleans.length() - booleans.null_count();
    if (booleans.true_count() == known) return nullptr;
    if (booleans.null_count() == 0) return values;
    ARROW_ASSIGN_OR_RAISE(
        const arrow::Datum borne,
        arrow::compute::CallFunction("coalesce", {values, arrow::Datum(true)}, arrow()));
    return borne.make_array();
  }

  Result<std::shared_ptr<arrow::Array>> And(const std::shared_ptr<arrow::Array>& a,
                                            const std::shared_ptr<arrow::Array>& b) {
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum both, arrow::compute::And(a, b, arrow()));
    return both.make_array();
  }

  // The numbers of the rows that `mask` has.
  Result<std::shared_ptr<arrow::Int32Array>> NumbersOf(const arrow::BooleanArray& mask) {
    arrow::Int32Builder numbers(pool());
    for (int64_t row = 0; row < mask.length(); ++row) {
      if (mask.Value(row)) ARROW_RETURN_NOT_OK(numbers.Append(static_cast<int32_t>(row)));
    }
    std::shared_ptr<arrow::Int32Array> out;
    ARROW_RETURN_NOT_OK(numbers.Finish(&out));
    return out;
  }

  arrow::MemoryPool* pool() { return evaluation_.pool(); }

  template <typename T>
  Result<arrow::Datum> Keep(const T& values, const std::shared_ptr<arrow::Array>& mask) {
    return arrow::compute::Filter(values, mask, arrow::compute::FilterOptions::Defaults(),
                                  arrow());
  }

 private:
  arrow::compute::ExecContext* arrow() { return evaluation_.arrow(); }
  operators::Evaluation evaluation_;
};

RowRules::RowRules(const plan::WriteNode& write,
                   const operators::OperatorContext& context, DeadLetterOffice* office,
                   Progress* progress)
    : table_(write.table()),
      rules_(write.rules()),
      on_invalid_(write.on_invalid()),
      not_null_(NotNullOf(write)),
      evaluator_(std::make_unique<Evaluator>(context)),
      office_(office),
      progress_(progress) {}

RowRules::~RowRules() = default;

Status RowRules::Apply(data::Batch* batch) {
  std::shared_ptr<arrow::Array> borne;  // by all rules so far; null: every row is
  std::vector<std::pair<const plan::RowRule*, std::shared_ptr<arrow::Array>>> failed;
  for (const plan::RowRule& rule : rules_) {
    ARROW_ASSIGN_OR_RAISE(auto mask, evaluator_->Borne(rule, *batch->rows));
    if (!mask) continue;
    failed.emplace_back(&rule, mask);
    if (!borne) {
      borne = std::move(mask);
    } else {
      ARROW_ASSIGN_OR_RAISE(borne, evaluator_->And(borne, mask));
    }
  }
  if (!borne) return not_null_.Check(*batch->rows);

  const auto& kept = static_cast<const arrow::BooleanArray&>(*borne);
  if (on_invalid_ != plan::OnInvalid::kDrop) {
    std::vector<int64_t> broken;
    std::vector<const plan::RowRule*> by;  // the first rule that each breaks
    for (int64_t row = 0; row < kept.length(); ++row) {
      if (kept.Value(row)) continue;
      broken.push_back(row);
      for (const auto& [rule, mask] : failed) {
        if (static_cast<const arrow::BooleanArray&>(*mask).Value(row)) continue;
        by.push_back(rule);
        break;
      }
    }
    ARROW_RETURN_NOT_OK(SetAside(*batch->rows, broken, by));
  }
  progress_->rows_invalid.fetch_add(kept.length() - kept.true_count(),
                                    std::memory_order_relaxed);
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum rows, evaluator_->Keep(batch->rows, borne));
  if (batch->changes) {
    ARROW_ASSIGN_OR_RAISE(const auto chosen, evaluator_->NumbersOf(kept));
    ARROW_ASSIGN_OR_RAISE(
        batch->changes, data::SelectChanges(batch->changes, *chosen, evaluator_->pool()));
  }
  batch->rows = rows.record_batch();
  return not_null_.Check(*batch->rows);
}

Status RowRules::SetAside(const arrow::RecordBatch& rows,
                          const std::vector<int64_t>& broken,
                          const std::vector<const plan::RowRule*>& rules) {
  std::vector<data::DeadLetter> letters;
  for (size_t i = 0; i < broken.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(std::string raw, data::RowText(rows, broken[i]));
    const Status status =
        errors::kRuleBroken.Make(WhereOf(*table_), "rule {} of {}, row {}",
                                 rules[i]->ToString(), table_->name, raw.substr(0, 200));
    if (on_invalid_ == plan::OnInvalid::kFail) return status;
    data::DeadLetter letter;
    letter.reason = ErrorText(errors::kRuleBroken.Make(
        {}, "rule {} of {}", rules[i]->ToString(), table_->name));
    raw.resize(std::min(raw.size(), kRawBytes));
    letter.raw = std::move(raw);
    letter.code = errors::kRuleBroken.number;
    letter.sink = table_->name;
    letter.connector = table_->connector;
    letters.push_back(std::move(letter));
  }
  progress_->dead_letters.fetch_add(static_cast<int64_t>(letters.size()),
                                    std::memory_order_relaxed);
  if (office_ == nullptr)
    return errors::kInternal.Make({}, "a dead letter has nowhere to go");
  return office_->Take(letters);
}

}  // namespace millrace::runtime
