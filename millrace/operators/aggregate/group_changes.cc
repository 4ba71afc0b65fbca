#include "millrace/operators/aggregate/group_changes.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/compare.h>
#include <arrow/compute/api_vector.h>
#include <arrow/type.h>

#include "millrace/data/batch.h"

namespace millrace::operators {

namespace {

// Clear `same[i]` where row i of both columns differs.
void Compare(const arrow::Array& a, const arrow::Array& b, std::vector<uint8_t>& same) {
  const arrow::Type::type id = a.type_id();
  const bool plain = a.null_count() == 0 && b.null_count() == 0 &&
                     arrow::is_fixed_width(id) && id != arrow::Type::BOOL &&
                     id != arrow::Type::DICTIONARY && !arrow::is_nested(id);
  if (plain) {
    const auto width = static_cast<size_t>(
        static_cast<const arrow::FixedWidthType&>(*a.type()).bit_width() / 8);
    const uint8_t* left =
        a.data()->buffers[1]->data() + static_cast<size_t>(a.offset()) * width;
    const uint8_t* right =
        b.data()->buffers[1]->data() + static_cast<size_t>(b.offset()) * width;
    for (size_t i = 0; i < same.size(); ++i)
      same[i] &= memcmp(left + i * width, right + i * width, width) == 0 ? 1 : 0;
    return;
  }
  const auto options = arrow::EqualOptions::Defaults().nans_equal(true);
  for (size_t i = 0; i < same.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    if (same[i] != 0) same[i] = a.RangeEquals(b, row, row + 1, row, options) ? 1 : 0;
  }
}

}  // namespace

Status GroupChanges::Before(const uint32_t* ids, int64_t rows, AggregateSet& aggregates) {
  if (known_ == 0 || rows == 0) return Status::OK();
  fresh_.clear();
  if (ids == nullptr) {
    if (marks_[0] == 0) fresh_.push_back(0);
  } else {
    const auto known = static_cast<uint32_t>(known_);
    for (int64_t i = 0; i < rows; ++i) {
      if (ids[i] >= known || marks_[ids[i]] != 0) continue;
      marks_[ids[i]] = 1;
      fresh_.push_back(ids[i]);
    }
  }
  if (fresh_.empty()) return Status::OK();
  marks_[fresh_[0]] = 1;
  if (aggregates.finishes_by_runs()) std::sort(fresh_.begin(), fresh_.end());
  ARROW_ASSIGN_OR_RAISE(auto results, aggregates.FinishSome(fresh_));
  old_.push_back(std::move(results));
  changed_.insert(changed_.end(), fresh_.begin(), fresh_.end());
  return reservation_.Hold(known_ + static_cast<int64_t>(changed_.capacity() * 4));
}

Status GroupChanges::JoinOld() {
  if (old_.size() < 2) return Status::OK();
  Arrays joined;
  for (size_t column = 0; column < old_[0].size(); ++column) {
    arrow::ArrayVector pieces;
    for (const Arrays& piece : old_) pieces.push_back(piece[column]);
    ARROW_ASSIGN_OR_RAISE(auto whole, arrow::Concatenate(pieces, memory_->pool()));
    joined.push_back(std::move(whole));
  }
  old_.assign(1, std::move(joined));
  return Status::OK();
}

Result<GroupChanges::Piece> GroupChanges::Next(int64_t rows, GroupTable& table,
                                               AggregateSet& aggregates) {
  Piece out;
  if (known_ < table.size()) {
    const int64_t end = std::min(known_ + rows, table.size());
    out.rows = end - known_;
    ARROW_ASSIGN_OR_RAISE(out.columns, table.Keys({known_, end}));
    ARROW_ASSIGN_OR_RAISE(const auto results, aggregates.Finish(known_, end));
    out.columns.insert(out.columns.end(), results.begin(), results.end());
    known_ = end;
    if (known_ == table.size() && changed_.empty()) ARROW_RETURN_NOT_OK(Settle(known_));
    return out;
  }
  ARROW_RETURN_NOT_OK(JoinOld());
  const size_t count =
      std::min(static_cast<size_t>(rows), changed_.size() - next_changed_);
  const std::span<const uint32_t> ids(changed_.data() + next_changed_, count);
  ARROW_ASSIGN_OR_RAISE(const auto keys, table.Keys(expr::GroupSelection(ids)));
  ARROW_ASSIGN_OR_RAISE(const auto results, aggregates.FinishSome(ids));
  std::vector<uint8_t> same(count, 1);
  Arrays old;
  for (size_t i = 0; i < results.size(); ++i) {
    old.push_back(old_[0][i]->Slice(static_cast<int64_t>(next_changed_),
                                    static_cast<int64_t>(count)));
    Compare(*old[i], *results[i], same);
  }
  next_changed_ += count;

  arrow::MemoryPool* pool = memory_->pool();
  arrow::Int32Builder of_key(pool), of_result(pool);
  arrow::Int8Builder kinds(pool);
  const auto changes = static_cast<int64_t>(std::count(same.begin(), same.end(), 0));
  out.rows = 2 * changes;
  ARROW_RETURN_NOT_OK(of_key.Reserve(2 * changes));
  ARROW_RETURN_NOT_OK(of_result.Reserve(2 * changes));
  ARROW_RETURN_NOT_OK(kinds.Reserve(2 * changes));
  for (size_t i = 0; i < count; ++i) {
    if (same[i] != 0) continue;
    for (const bool is_new : {false, true}) {
      of_key.UnsafeAppend(static_cast<int32_t>(i));
      of_result.UnsafeAppend(static_cast<int32_t>(is_new ? count + i : i));
      kinds.UnsafeAppend(static_cast<int8_t>(is_new ? data::RowKind::kUpdateAfter
                                                    : data::RowKind::kUpdateBefore));
    }
  }
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  const auto options = arrow::compute::TakeOptions::NoBoundsCheck();
  ARROW_ASSIGN_OR_RAISE(const auto key_rows, of_key.Finish());
  ARROW_ASSIGN_OR_RAISE(const auto result_rows, of_result.Finish());
  for (const auto& key : keys) {
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum taken,
                          arrow::compute::Take(key, key_rows, options, &context));
    out.columns.push_back(taken.make_array());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto both,
                          arrow::Concatenate({old[i], results[i]}, pool));
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum taken,
                          arrow::compute::Take(both, result_rows, options, &context));
    out.columns.push_back(taken.make_array());
  }
  ARROW_RETURN_NOT_OK(kinds.Finish(&out.kinds));
  if (next_changed_ == changed_.size()) ARROW_RETURN_NOT_OK(Settle(table.size()));
  return out;
}

Status GroupChanges::Settle(int64_t groups) {
  known_ = groups;
  for (const uint32_t id : changed_) marks_[id] = 0;
  marks_.resize(static_cast<size_t>(groups));
  changed_.clear();
  old_.clear();
  next_changed_ = 0;
  return reservation_.Hold(known_ + static_cast<int64_t>(changed_.capacity() * 4));
}

void GroupChanges::Clear() {
  known_ = 0;
  marks_.clear();
  changed_.clear();
  old_.clear();
  next_changed_ = 0;
}

}  // namespace millrace::operators
