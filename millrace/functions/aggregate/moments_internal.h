// Aggregates over a packed row of running sums a group.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

/// A result, or false for NULL.
template <typename Row>
using FinishRow = bool (*)(const Row& row, double* out);

/// `Row` is made of Row::kColumns doubles, which are its partial state. `whole`: answers
/// are counts.
template <typename Row, int kArguments>
class MomentAccumulator final : public Accumulator {
 public:
  MomentAccumulator(FinishRow<Row> finish, bool whole, arrow::MemoryPool* pool)
      : finish_(finish), whole_(whole), pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ArrayPtr arrays[kArguments];
    const double* values[kArguments];
    for (int a = 0; a < kArguments; ++a) {
      ARROW_ASSIGN_OR_RAISE(arrays[a], ArgumentArray(arguments[a], rows, pool_));
      values[a] = arrays[a]->data()->template GetValues<double>(1);
    }
    for (int64_t i = 0; i < rows; ++i) {
      double row[kArguments];
      bool null = false;
      for (int a = 0; a < kArguments; ++a) {
        null |= arrays[a]->IsNull(i);
        row[a] = values[a][i];
      }
      if (!null) rows_[GroupOf(ids, i)].Add(row);
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    for (int64_t i = 0; i < rows; ++i) {
      Row row;
      double* fields = reinterpret_cast<double*>(&row);
      for (int c = 0; c < Row::kColumns; ++c) {
        fields[c] = state[c]->data()->template GetValues<double>(1)[i];
      }
      rows_[GroupOf(ids, i)].Merge(row);
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    std::vector<ArrayPtr> columns;
    for (int c = 0; c < Row::kColumns; ++c) {
      arrow::DoubleBuilder builder(pool_);
      ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
      for (int64_t i = 0; i < groups.size(); ++i) {
        builder.UnsafeAppend(reinterpret_cast<const double*>(&rows_[groups[i]])[c]);
      }
      ARROW_ASSIGN_OR_RAISE(ArrayPtr column, builder.Finish());
      columns.push_back(std::move(column));
    }
    return columns;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return whole_ ? FinishAs<int64_t>(begin, end) : FinishAs<double>(begin, end);
  }
  void Clear() override { rows_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  template <typename T>
  Result<ArrayPtr> FinishAs(int64_t begin, int64_t end) {
    typename arrow::CTypeTraits<T>::BuilderType builder(pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(end - begin));
    for (int64_t i = begin; i < end; ++i) {
      double out = 0;
      if (finish_(rows_[i], &out)) {
        builder.UnsafeAppend(static_cast<T>(out));
      } else {
        builder.UnsafeAppendNull();
      }
    }
    return builder.Finish();
  }

  const FinishRow<Row> finish_;
  const bool whole_;
  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
};

/// The function of `kArguments` numbers; rows where one is NULL are passed over.
template <typename Row, int kArguments>
Status AddMoment(FunctionRegistry& registry, expr::FunctionDoc doc, FinishRow<Row> finish,
                 bool whole = false) {
  const std::string name = doc.name;
  return registry.Add(AggregateFunction{
      .doc = std::move(doc),
      .bind = [name, whole](const Types& types,
                            const Literals& literals) -> Result<AggregateBinding> {
        if (types.size() != kArguments) return BadArguments(name, types);
        for (size_t i = 0; i < types.size(); ++i) {
          if (!FitsImplicitly(types[i], literals[i], arrow::float64())) {
            return BadArguments(name, types);
          }
        }
        return AggregateBinding{Types(kArguments, arrow::float64()),
                                whole ? arrow::int64() : arrow::float64(),
                                Types(Row::kColumns, arrow::float64())};
      },
      .make = [finish, whole](const AggregateBinding&, const Literals&,
                              arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<MomentAccumulator<Row, kArguments>>(finish, whole, pool);
      }});
}

}  // namespace millrace::functions
