// BIT_AND, BIT_OR, BIT_XOR, PRODUCT: one number a group.
#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

namespace {

template <typename T>
using FoldStep = T (*)(T, T);

// Values that are not NULL, folded into one; its own partial state.
template <typename T>
class Fold final : public Accumulator {
 public:
  Fold(FoldStep<T> step, arrow::MemoryPool* pool) : step_(step), pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr array, ArgumentArray(arguments[0], rows, pool_));
    const T* values = array->data()->template GetValues<T>(1);
    for (int64_t i = 0; i < rows; ++i) {
      if (array->IsNull(i)) continue;
      Row& row = rows_[GroupOf(ids, i)];
      row.value = row.any ? step_(row.value, values[i]) : values[i];
      row.any = true;
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    return Update({arrow::Datum(state[0])}, ids, rows);
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    ARROW_ASSIGN_OR_RAISE(ArrayPtr values, Build(groups));
    return std::vector<ArrayPtr>{std::move(values)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return Build(GroupSelection(begin, end));
  }
  void Clear() override { rows_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  struct Row {
    T value{};
    bool any = false;
  };
  Result<ArrayPtr> Build(const GroupSelection& groups) {
    typename arrow::CTypeTraits<T>::BuilderType builder(pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
    for (int64_t i = 0; i < groups.size(); ++i) {
      const Row& row = rows_[groups[i]];
      if (row.any) {
        builder.UnsafeAppend(row.value);
      } else {
        builder.UnsafeAppendNull();
      }
    }
    return builder.Finish();
  }

  const FoldStep<T> step_;
  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
};

template <typename T>
T And(T a, T b) {
  return a & b;
}
template <typename T>
T Or(T a, T b) {
  return a | b;
}
template <typename T>
T Xor(T a, T b) {
  return a ^ b;
}
double Times(double a, double b) { return a * b; }

Status AddBits(FunctionRegistry& registry, expr::FunctionDoc doc,
               FoldStep<int32_t> narrow, FoldStep<int64_t> wide) {
  const std::string name = doc.name;
  return registry.Add(AggregateFunction{
      .doc = std::move(doc),
      .bind = [name](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.size() != 1 || !arrow::is_integer(Widened(types[0])->id())) {
          return BadArguments(name, types);
        }
        const TypePtr type = Widened(types[0]);
        return AggregateBinding{{type}, type, {type}};
      },
      .make = [narrow, wide](const AggregateBinding& binding, const Literals&,
                             arrow::MemoryPool* pool) -> AccumulatorResult {
        if (binding.result->id() == arrow::Type::INT32) {
          return std::make_unique<Fold<int32_t>>(narrow, pool);
        }
        return std::make_unique<Fold<int64_t>>(wide, pool);
      }});
}

}  // namespace

Status RegisterFolds(FunctionRegistry& registry) {
  ARROW_RETURN_NOT_OK(AddBits(registry,
                              {"bit_and",
                               {},
                               "aggregate",
                               "bit_and(x) → type of x",
                               "The bits that all values have; NULL for none.",
                               "bit_and(x)",
                               "0"},
                              And, And));
  ARROW_RETURN_NOT_OK(AddBits(registry,
                              {"bit_or",
                               {},
                               "aggregate",
                               "bit_or(x) → type of x",
                               "The bits that any value has; NULL for none.",
                               "bit_or(x)",
                               "3"},
                              Or, Or));
  ARROW_RETURN_NOT_OK(
      AddBits(registry,
              {"bit_xor",
               {},
               "aggregate",
               "bit_xor(x) → type of x",
               "The bits that an odd number of values has; NULL for none.",
               "bit_xor(y)",
               "0"},
              Xor, Xor));
  return registry.Add(AggregateFunction{
      .doc = {"product",
              {},
              "aggregate",
              "product(x) → double",
              "All values multiplied; NULL for none.",
              "product(x)",
              "6.0"},
      .bind = [](const Types& types,
                 const Literals& literals) -> Result<AggregateBinding> {
        const TypePtr type = arrow::float64();
        if (types.size() != 1 || !FitsImplicitly(types[0], literals[0], type)) {
          return BadArguments("product", types);
        }
        return AggregateBinding{{type}, type, {type}};
      },
      .make = [](const AggregateBinding&, const Literals&, arrow::MemoryPool* pool)
          -> AccumulatorResult { return std::make_unique<Fold<double>>(Times, pool); }});
}

}  // namespace millrace::functions
