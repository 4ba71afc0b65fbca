// STRING_AGG.
#include "millrace/functions/aggregate/group_values_internal.h"
#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

namespace {

// Texts by arrival with the separator that came with each but the first.
class StringAggregate final : public Accumulator {
 public:
  explicit StringAggregate(arrow::MemoryPool* pool) : pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ARROW_ASSIGN_OR_RAISE(const ArrayPtr texts, ArgumentArray(arguments[0], rows, pool_));
    ArrayPtr separators;
    if (arguments.size() > 1) {
      ARROW_ASSIGN_OR_RAISE(separators, ArgumentArray(arguments[1], rows, pool_));
    }
    Add(static_cast<const arrow::StringArray&>(*texts),
        static_cast<const arrow::StringArray*>(separators.get()), ids, rows);
    return Status::OK();
  }
  // A partial state begins with the separator that would stand before it.
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    Add(static_cast<const arrow::StringArray&>(*state[1]),
        static_cast<const arrow::StringArray*>(state[0].get()), ids, rows);
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(int64_t begin, int64_t end) override {
    arrow::StringBuilder separators(pool_);
    for (int64_t i = begin; i < end; ++i) {
      ARROW_RETURN_NOT_OK(separators.Append(rows_[i].separator));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr separator, separators.Finish());
    ARROW_ASSIGN_OR_RAISE(ArrayPtr text, Finish(begin, end));
    return std::vector<ArrayPtr>{std::move(separator), std::move(text)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    arrow::StringBuilder builder(pool_);
    for (int64_t i = begin; i < end; ++i) {
      ARROW_RETURN_NOT_OK(rows_[i].any ? builder.Append(rows_[i].text)
                                       : builder.AppendNull());
    }
    return builder.Finish();
  }
  void Clear() override {
    rows_.clear();
    text_bytes_ = 0;
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row)) + text_bytes_;
  }

 private:
  struct Row {
    std::string text, separator;
    bool any = false;
  };
  void Add(const arrow::StringArray& texts, const arrow::StringArray* separators,
           const uint32_t* ids, int64_t rows) {
    for (int64_t i = 0; i < rows; ++i) {
      if (texts.IsNull(i)) continue;
      Row& row = rows_[GroupOf(ids, i)];
      const auto before = static_cast<int64_t>(row.text.capacity());
      std::string_view separator = ",";
      if (separators != nullptr) {
        separator = separators->IsNull(i) ? std::string_view() : separators->GetView(i);
      }
      if (row.any) {
        row.text += separator;
      } else {
        row.separator.assign(separator);
      }
      row.text += texts.GetView(i);
      row.any = true;
      text_bytes_ += static_cast<int64_t>(row.text.capacity()) - before;
    }
  }

  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
  int64_t text_bytes_ = 0;
};

}  // namespace

Status RegisterTextAggregates(FunctionRegistry& registry) {
  return registry.Add(AggregateFunction{
      .doc = {"string_agg",
              {"group_concat", "listagg", "collect"},
              "aggregate",
              "string_agg(x [, separator]) → varchar",
              "The values as text, one after the other by arrival, with the separator (a "
              "comma) between them. NULLs are left out; NULL for none.",
              "string_agg(x, '-')",
              "1-2-3"},
      .bind = [](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.empty() || types.size() > 2 ||
            !GroupValues::Supports(*Widened(types[0]))) {
          return BadArguments("string_agg", types);
        }
        const auto text = arrow::utf8();
        return AggregateBinding{Types(types.size(), text), text, {text, text}};
      },
      .make = [](const AggregateBinding&, const Literals&, arrow::MemoryPool* pool)
          -> AccumulatorResult { return std::make_unique<StringAggregate>(pool); }});
}

}  // namespace millrace::functions
