#include "millrace/operators/aggregate/group_table.h"

#include <arrow/array.h>

namespace millrace::operators {

namespace {

int64_t Pack(uint32_t left, uint32_t right) {
  return static_cast<int64_t>(static_cast<uint64_t>(left) << 32 | right);
}

}  // namespace

Result<GroupTable> GroupTable::Make(
    const std::vector<std::shared_ptr<arrow::DataType>>& types,
    std::shared_ptr<MemoryBudget> memory) {
  GroupTable table;
  for (size_t i = 0; i < types.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column, KeyColumn::Make(types[i], memory));
    table.columns_.push_back(std::move(column));
    if (i > 0) table.pairs_.push_back(std::make_unique<IntegerTable>(memory));
  }
  return table;
}

Result<const uint32_t*> GroupTable::Map(
    const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows) {
  if (columns_.empty()) return nullptr;
  ids_.resize(static_cast<size_t>(rows));
  ARROW_RETURN_NOT_OK(columns_[0]->Map(*keys[0], ids_.data()));
  for (size_t i = 1; i < columns_.size(); ++i) {
    right_.resize(static_cast<size_t>(rows));
    packed_.resize(static_cast<size_t>(rows));
    ARROW_RETURN_NOT_OK(columns_[i]->Map(*keys[i], right_.data()));
    for (size_t row = 0; row < packed_.size(); ++row)
      packed_[row] = Pack(ids_[row], right_[row]);
    ARROW_RETURN_NOT_OK(pairs_[i - 1]->Map(packed_.data(), rows, ids_.data()));
  }
  return ids_.data();
}

int64_t GroupTable::size() const {
  if (columns_.empty()) return 1;
  return pairs_.empty() ? columns_[0]->size() : pairs_.back()->size();
}

Result<std::vector<std::shared_ptr<arrow::Array>>> GroupTable::Keys(
    const expr::GroupSelection& groups) {
  std::vector<std::shared_ptr<arrow::Array>> out(columns_.size());
  const int64_t rows = groups.size();
  std::vector<uint32_t> ids(static_cast<size_t>(rows)), right(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i)
    ids[static_cast<size_t>(i)] = static_cast<uint32_t>(groups[i]);
  for (size_t i = columns_.size(); i-- > 0;) {
    if (i == 0) {
      ARROW_ASSIGN_OR_RAISE(out[0], columns_[0]->Values(ids.data(), rows));
      break;
    }
    const int64_t* pairs = pairs_[i - 1]->keys();
    for (size_t row = 0; row < ids.size(); ++row) {
      const auto pair = static_cast<uint64_t>(pairs[ids[row]]);
      right[row] = static_cast<uint32_t>(pair);
      ids[row] = static_cast<uint32_t>(pair >> 32);
    }
    ARROW_ASSIGN_OR_RAISE(out[i], columns_[i]->Values(right.data(), rows));
  }
  return out;
}

// With several key columns each has fewer values than there are groups, nobody knows how
// many.
void GroupTable::Expect(int64_t groups) {
  if (columns_.size() == 1) columns_[0]->Expect(groups);
  if (!pairs_.empty()) pairs_.back()->Expect(groups);
}

void GroupTable::Clear() {
  for (auto& column : columns_) column->Clear();
  for (auto& pair : pairs_) pair->Clear();
}

}  // namespace millrace::operators
