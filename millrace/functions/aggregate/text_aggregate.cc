// STRING_AGG.
#include <algorithm>

#include "millrace/functions/aggregate/group_values_internal.h"
#include "millrace/functions/aggregate/order_keys_internal.h"
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
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    arrow::StringBuilder separators(pool_);
    for (int64_t i = 0; i < groups.size(); ++i) {
      ARROW_RETURN_NOT_OK(separators.Append(rows_[groups[i]].separator));
    }
    ARROW_ASSIGN_OR_RAISE(ArrayPtr separator, separators.Finish());
    ARROW_ASSIGN_OR_RAISE(ArrayPtr text, Texts(groups));
    return std::vector<ArrayPtr>{std::move(separator), std::move(text)};
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    return Texts(GroupSelection(begin, end));
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
  Result<ArrayPtr> Texts(const GroupSelection& groups) {
    arrow::StringBuilder builder(pool_);
    for (int64_t i = 0; i < groups.size(); ++i) {
      const Row& row = rows_[groups[i]];
      ARROW_RETURN_NOT_OK(row.any ? builder.Append(row.text) : builder.AppendNull());
    }
    return builder.Finish();
  }
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

// As StringAggregate, in an order of its own: rows are kept until the end.
class OrderedStringAggregate final : public Accumulator {
 public:
  OrderedStringAggregate(std::string directions, arrow::MemoryPool* pool)
      : directions_(std::move(directions)), pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(groups_.size())) groups_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ArrayPtr columns[2];
    for (size_t i = 0; i < 2; ++i) {
      ARROW_ASSIGN_OR_RAISE(columns[i], ArgumentArray(arguments[i], rows, pool_));
    }
    ARROW_ASSIGN_OR_RAISE(
        OrderKeys keys, OrderKeys::Make(directions_, arguments, kFirstKey, rows, pool_));
    const auto& texts = static_cast<const arrow::StringArray&>(*columns[0]);
    const auto& separators = static_cast<const arrow::StringArray&>(*columns[1]);
    for (int64_t i = 0; i < rows; ++i) {
      if (texts.IsNull(i)) continue;
      Add(GroupOf(ids, i), keys.At(i), texts.GetView(i),
          separators.IsNull(i) ? std::string_view() : separators.GetView(i));
    }
    return Status::OK();
  }
  // Rows of equal keys stay in the order of arrival, which is that of the partial states.
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    const auto& keys = static_cast<const arrow::ListArray&>(*state[0]);
    const auto& key = static_cast<const arrow::BinaryArray&>(*keys.values());
    const auto& texts = static_cast<const arrow::StringArray&>(
        *static_cast<const arrow::ListArray&>(*state[1]).values());
    const auto& separators = static_cast<const arrow::StringArray&>(
        *static_cast<const arrow::ListArray&>(*state[2]).values());
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t k = keys.value_offset(i); k < keys.value_offset(i + 1); ++k) {
        Add(GroupOf(ids, i), key.GetView(k), texts.GetView(k), separators.GetView(k));
      }
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    auto keys = std::make_shared<arrow::BinaryBuilder>(pool_);
    auto texts = std::make_shared<arrow::StringBuilder>(pool_);
    auto separators = std::make_shared<arrow::StringBuilder>(pool_);
    arrow::ListBuilder key_lists(pool_, keys), text_lists(pool_, texts),
        separator_lists(pool_, separators);
    for (int64_t i = 0; i < groups.size(); ++i) {
      ARROW_RETURN_NOT_OK(key_lists.Append());
      ARROW_RETURN_NOT_OK(text_lists.Append());
      ARROW_RETURN_NOT_OK(separator_lists.Append());
      for (const Item& item : groups_[groups[i]]) {
        ARROW_RETURN_NOT_OK(keys->Append(item.key));
        ARROW_RETURN_NOT_OK(texts->Append(item.text));
        ARROW_RETURN_NOT_OK(separators->Append(item.separator));
      }
    }
    std::vector<ArrayPtr> out(3);
    ARROW_RETURN_NOT_OK(key_lists.Finish(&out[0]));
    ARROW_RETURN_NOT_OK(text_lists.Finish(&out[1]));
    ARROW_RETURN_NOT_OK(separator_lists.Finish(&out[2]));
    return out;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    arrow::StringBuilder builder(pool_);
    std::string text;
    for (int64_t i = begin; i < end; ++i) {
      std::vector<Item>& items = groups_[i];
      std::stable_sort(items.begin(), items.end(),
                       [](const Item& a, const Item& b) { return a.key < b.key; });
      text.clear();
      for (const Item& item : items) {
        if (&item != items.data()) text += item.separator;
        text += item.text;
      }
      ARROW_RETURN_NOT_OK(items.empty() ? builder.AppendNull() : builder.Append(text));
    }
    return builder.Finish();
  }
  void Clear() override {
    groups_.clear();
    item_bytes_ = 0;
  }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(groups_.capacity() * sizeof(groups_[0])) + item_bytes_;
  }

 private:
  static constexpr size_t kFirstKey = 3;
  struct Item {
    std::string key, text, separator;
  };

  void Add(uint32_t group, std::string_view key, std::string_view text,
           std::string_view separator) {
    Item item{std::string(key), std::string(text), std::string(separator)};
    item_bytes_ +=
        static_cast<int64_t>(sizeof(Item) + item.key.capacity() + item.text.capacity());
    groups_[group].push_back(std::move(item));
  }

  const std::string directions_;
  arrow::MemoryPool* const pool_;
  std::vector<std::vector<Item>> groups_;
  int64_t item_bytes_ = 0;
};

bool HasText(const TypePtr& type) {
  switch (Widened(type)->id()) {
    case arrow::Type::DURATION:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::DECIMAL256:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY: return true;
    default: return GroupValues::Supports(*Widened(type));
  }
}

std::shared_ptr<const AggregateFunction> OrderedForm(expr::FunctionDoc doc) {
  return std::make_shared<const AggregateFunction>(AggregateFunction{
      .doc = std::move(doc),
      .bind = [](const Types& types,
                 const Literals& literals) -> Result<AggregateBinding> {
        const auto text = arrow::utf8();
        if (types.size() < 4 || !HasText(types[0])) {
          return BadArguments("string_agg", types);
        }
        ARROW_RETURN_NOT_OK(OrderDirections("string_agg", types, literals, 2).status());
        ARROW_ASSIGN_OR_RAISE(const Types keys, OrderKeyTypes("string_agg", types, 3));
        AggregateBinding out{{text, text, text}, text, {}};
        out.argument_types.insert(out.argument_types.end(), keys.begin(), keys.end());
        out.state = {arrow::list(arrow::binary()), arrow::list(text), arrow::list(text)};
        return out;
      },
      .make = [](const AggregateBinding&, const Literals& literals,
                 arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<OrderedStringAggregate>(literals[2]->ToString(), pool);
      }});
}

}  // namespace

Status RegisterTextAggregates(FunctionRegistry& registry) {
  const expr::FunctionDoc doc{
      "string_agg",
      {"group_concat", "listagg", "collect"},
      "aggregate",
      "string_agg(x [, separator] [ORDER BY y]) → varchar",
      "The values as text, one after the other by arrival or in the order given, with "
      "the "
      "separator (a comma) between them. NULLs are left out; NULL for none. WITHIN GROUP "
      "(ORDER BY y) gives the order, too.",
      "string_agg(x, '-')",
      "1-2-3"};
  return registry.Add(AggregateFunction{
      .doc = doc,
      .ordered = OrderedForm(doc),
      .ordered_arguments = 2,
      .bind = [](const Types& types, const Literals&) -> Result<AggregateBinding> {
        if (types.empty() || types.size() > 2 || !HasText(types[0])) {
          return BadArguments("string_agg", types);
        }
        const auto text = arrow::utf8();
        return AggregateBinding{Types(types.size(), text), text, {text, text}};
      },
      .make = [](const AggregateBinding&, const Literals&, arrow::MemoryPool* pool)
          -> AccumulatorResult { return std::make_unique<StringAggregate>(pool); }});
}

}  // namespace millrace::functions
