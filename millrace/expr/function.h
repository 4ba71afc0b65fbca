// Functions as data: one row each, with everything that binding, evaluation, help and the
// reference page need.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <arrow/compute/type_fwd.h>
#include <arrow/type_fwd.h>

#include "millrace/base/clock.h"
#include "millrace/base/result.h"

namespace arrow {
struct Datum;
}

namespace millrace::expr {

using TypePtr = std::shared_ptr<arrow::DataType>;

/// What people read about a function. The example is run by a test and must give
/// `example_result`.
struct FunctionDoc {
  std::string name;                  ///< lower case
  std::vector<std::string> aliases;  ///< lower case
  std::string category;   ///< math, string, time, conditional, comparison, aggregate …
  std::string signature;  ///< "substring(text, start [, length]) → varchar"
  std::string description;  ///< one or two sentences, NULL behaviour included where it is
                            ///< not "NULL in, NULL out"
  std::string example;      ///< a SQL expression
  std::string example_result;  ///< as `millrace sql --format csv` prints it; empty where
                               ///< it is not deterministic
};

/// What evaluation may use. One per task; used by one thread.
struct EvalContext {
  arrow::MemoryPool* pool = nullptr;
  arrow::compute::ExecContext* arrow = nullptr;  ///< same pool, use_threads off
  const Clock* clock = nullptr;
  int64_t statement_micros = 0;  ///< NOW() of a bounded query: fixed when it started
};

/// The outcome of resolving a call: casts to apply to the arguments, and the type of the
/// result.
struct Binding {
  std::vector<TypePtr> argument_types;
  TypePtr result;
};

/// How the evaluator treats the arguments of a function.
enum class Control {
  kPlain,     ///< all arguments first, then `evaluate`
  kAnd,       ///< the right side only where the left is not false
  kOr,        ///< the right side only where the left is not true
  kCoalesce,  ///< the next argument only where those before were NULL
  kIf,        ///< Expr::Call turns it into a CASE
};

/// A function of values. `bind` fails with errors::kBadArguments.
struct ScalarFunction {
  FunctionDoc doc;
  bool deterministic = true;
  /// Some argument values make `evaluate` fail: branches with such a call are evaluated
  /// on their own rows only. False allows the cheaper evaluation on all rows.
  bool can_fail = false;
  Control control = Control::kPlain;
  /// Literal arguments are passed so that a result type may depend on them (ROUND's
  /// scale); null where not a literal.
  std::function<Result<Binding>(
      const std::vector<TypePtr>& types,
      const std::vector<std::shared_ptr<arrow::Scalar>>& literals)>
      bind;
  /// Arguments have the bound types, dictionaries decoded: arrays of `rows` values or
  /// scalars. The answer is an array of `rows` values of `result`, or a scalar, which it
  /// must be when every argument is one.
  std::function<Result<arrow::Datum>(EvalContext& context,
                                     const std::vector<arrow::Datum>& arguments,
                                     int64_t rows, const TypePtr& result)>
      evaluate;
};

/// Groups that are asked about: a range of ids, or those of a list. A view: the list must
/// outlive it.
class GroupSelection {
 public:
  GroupSelection(int64_t begin, int64_t end) : first_(begin), size_(end - begin) {}
  explicit GroupSelection(std::span<const uint32_t> ids)
      : ids_(ids.data()), size_(static_cast<int64_t>(ids.size())) {}

  int64_t size() const { return size_; }
  bool is_range() const { return ids_ == nullptr; }
  /// The first id of a range.
  int64_t first() const { return first_; }
  int64_t operator[](int64_t i) const { return ids_ == nullptr ? first_ + i : ids_[i]; }

 private:
  const uint32_t* ids_ = nullptr;
  int64_t first_ = 0;
  int64_t size_;
};

/// One aggregate over all groups of an operator: a column of states, indexed by dense
/// group id.
///
/// Used by one thread. Bytes come from the pool of the context.
class Accumulator {
 public:
  virtual ~Accumulator() = default;
  /// Make room for groups [0, groups); new ones start empty.
  virtual Status Resize(int64_t groups) = 0;
  /// Add `rows` rows: row i belongs to group ids[i] < groups. `ids` null means that every
  /// row belongs to group 0.
  virtual Status Update(const std::vector<arrow::Datum>& arguments, const uint32_t* ids,
                        int64_t rows) = 0;
  /// Take rows away again (retraction). Only where AggregateFunction::retractable.
  virtual Status Retract(const std::vector<arrow::Datum>& arguments, const uint32_t* ids,
                         int64_t rows);
  /// Add partial states made by State of another accumulator of the same binding: row i
  /// into group ids[i].
  virtual Status Merge(const std::vector<std::shared_ptr<arrow::Array>>& state,
                       const uint32_t* ids, int64_t rows) = 0;
  /// The states of `groups` as columns of AggregateBinding::state. Merged into groups
  /// that are empty they stand for these exactly. Changes no group.
  virtual Result<std::vector<std::shared_ptr<arrow::Array>>> State(
      const GroupSelection& groups) = 0;
  /// The results of groups [begin, end).
  virtual Result<std::shared_ptr<arrow::Array>> Finish(int64_t begin, int64_t end) = 0;
  /// Forget every group.
  virtual void Clear() = 0;
  /// Bytes held outside the pool.
  virtual int64_t extra_bytes() const { return 0; }
};

struct AggregateBinding {
  std::vector<TypePtr> argument_types;
  TypePtr result;
  std::vector<TypePtr> state;  ///< columns of a partial state
};

/// A function of groups of rows.
struct AggregateFunction {
  FunctionDoc doc;
  bool retractable = false;
  /// The form for ORDER BY inside the call, where there is one. Its arguments are those
  /// of the call, which must be `ordered_arguments` (text functions get the separator ","
  /// where one is missing), a VARCHAR with a letter for each key (`a` ascending, `d`
  /// descending; capital where NULLs come first), and the keys.
  std::shared_ptr<const AggregateFunction> ordered;
  int ordered_arguments = 0;
  bool ignores_distinct = false;      ///< MIN, MAX: DISTINCT changes nothing
  bool distinct_keeps_nulls = false;  ///< DISTINCT shows it one NULL, too
  /// Where the input has event times, the call is one with ORDER BY them: the letter of
  /// its direction, as for `ordered`. Empty: it is not.
  std::string by_event_time;
  std::function<Result<AggregateBinding>(
      const std::vector<TypePtr>& types,
      const std::vector<std::shared_ptr<arrow::Scalar>>& literals)>
      bind;
  std::function<Result<std::unique_ptr<Accumulator>>(
      const AggregateBinding& binding,
      const std::vector<std::shared_ptr<arrow::Scalar>>& literals,
      arrow::MemoryPool* pool)>
      make;
};

/// All functions by name. Filled once by explicit calls (functions::RegisterAll), then
/// read-only and shared.
class FunctionRegistry {
 public:
  /// A name or alias that is taken is a fault: fails.
  Status Add(ScalarFunction function);
  Status Add(AggregateFunction function);
  /// A form that the parser reads, for help only: its name may be an alias of a function.
  Status AddSpecialForm(FunctionDoc doc);
  /// Case-insensitive; null when there is none.
  const ScalarFunction* FindScalar(const std::string& name) const;
  const AggregateFunction* FindAggregate(const std::string& name) const;
  const FunctionDoc* FindSpecialForm(const std::string& name) const;
  /// The nearest known name, or empty.
  std::string Nearest(const std::string& name) const;
  /// In order of registration.
  std::vector<const ScalarFunction*> scalars() const;
  std::vector<const AggregateFunction*> aggregates() const;
  const std::vector<FunctionDoc>& special_forms() const { return special_forms_; }

 private:
  std::vector<std::unique_ptr<ScalarFunction>> scalars_;
  std::vector<std::unique_ptr<AggregateFunction>> aggregates_;
  std::vector<FunctionDoc> special_forms_;
  std::unordered_map<std::string, const ScalarFunction*> scalar_names_;
  std::unordered_map<std::string, const AggregateFunction*> aggregate_names_;
};

}  // namespace millrace::expr
