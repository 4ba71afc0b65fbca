#include "millrace/functions/aggregate/group_log_internal.h"

#include <algorithm>
#include <limits>

#include <arrow/array/concatenate.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/util/bit_util.h>

#include "millrace/expr/errors.h"

namespace millrace::functions {

GroupLog::GroupLog(TypePtr type, arrow::MemoryPool* pool)
    : type_(std::move(type)), pool_(pool) {}

void GroupLog::Resize(int64_t groups) {
  if (groups > static_cast<int64_t>(groups_.size())) groups_.resize(groups);
}

Status GroupLog::Append(const arrow::Array& values, int64_t begin, const uint32_t* ids,
                        int64_t rows) {
  if (rows == 0) return Status::OK();
  if (size() + rows >= kNone) {
    return errors::kTextTooLong.Make({}, "an aggregate of {} values", size() + rows);
  }
  if (builder_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(builder_, arrow::MakeBuilder(type_, pool_));
  }
  ARROW_RETURN_NOT_OK(
      builder_->AppendArraySlice(arrow::ArraySpan(*values.data()), begin, rows));
  for (int64_t i = 0; i < rows; ++i) {
    const auto place = static_cast<uint32_t>(next_.size());
    next_.push_back(kNone);
    Chain& chain = groups_[GroupOf(ids, i)];
    if (chain.first == kNone) {
      chain.first = place;
    } else {
      next_[chain.last] = place;
    }
    chain.last = place;
  }
  return Status::OK();
}

void GroupLog::PlacesOf(int64_t group, std::vector<uint32_t>* out) const {
  for (uint32_t at = groups_[group].first; at != kNone; at = next_[at])
    out->push_back(at);
}

Status GroupLog::Seal() {
  if (builder_ == nullptr || builder_->length() == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(ArrayPtr column, builder_->Finish());
  sealed_ends_.push_back(size());
  sealed_.push_back(std::move(column));
  // Results that are asked for again and again leave few columns, each copied few times.
  while (sealed_.size() > 1 &&
         sealed_[sealed_.size() - 2]->length() <= 2 * sealed_.back()->length()) {
    ARROW_ASSIGN_OR_RAISE(
        ArrayPtr both,
        arrow::Concatenate({sealed_[sealed_.size() - 2], sealed_.back()}, pool_));
    sealed_.pop_back();
    sealed_.back() = std::move(both);
    sealed_ends_.erase(sealed_ends_.end() - 2);
  }
  return Status::OK();
}

// From one column Arrow's kernel takes them faster.
Result<ArrayPtr> GroupLog::TakeFromOne(const std::vector<uint32_t>& places) const {
  const auto count = static_cast<int64_t>(places.size());
  std::shared_ptr<arrow::Buffer> valid;
  const auto nulls = std::count(places.begin(), places.end(), kNone);
  if (nulls > 0) {
    ARROW_ASSIGN_OR_RAISE(valid, arrow::AllocateEmptyBitmap(count, pool_));
    for (int64_t i = 0; i < count; ++i) {
      arrow::bit_util::SetBitTo(valid->mutable_data(), i, places[i] != kNone);
    }
  }
  const ArrayPtr indices = arrow::MakeArray(arrow::ArrayData::Make(
      arrow::uint32(), count, {std::move(valid), arrow::Buffer::Wrap(places)}, nulls));
  arrow::compute::ExecContext context(pool_);
  context.set_use_threads(false);
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum taken,
      arrow::compute::Take(sealed_[0], indices,
                           arrow::compute::TakeOptions::NoBoundsCheck(), &context));
  return taken.make_array();
}

Result<ArrayPtr> GroupLog::Take(const std::vector<uint32_t>& places) {
  ARROW_RETURN_NOT_OK(Seal());
  if (sealed_.size() == 1) return TakeFromOne(places);
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::MakeBuilder(type_, pool_));
  ARROW_RETURN_NOT_OK(out->Reserve(static_cast<int64_t>(places.size())));
  std::vector<arrow::ArraySpan> spans;
  for (const ArrayPtr& column : sealed_) spans.emplace_back(*column->data());
  for (size_t i = 0; i < places.size();) {
    if (places[i] == kNone) {
      ARROW_RETURN_NOT_OK(out->AppendNull());
      ++i;
      continue;
    }
    const auto place = static_cast<int64_t>(places[i]);
    const auto column =
        std::upper_bound(sealed_ends_.begin(), sealed_ends_.end(), place) -
        sealed_ends_.begin();
    // Values that lie together are copied together.
    const int64_t left = sealed_ends_[column] - place;
    int64_t run = 1;
    while (i + run < places.size() && run < left &&
           places[i + run] == places[i] + static_cast<uint32_t>(run)) {
      ++run;
    }
    const int64_t begin = column == 0 ? 0 : sealed_ends_[column - 1];
    ARROW_RETURN_NOT_OK(out->AppendArraySlice(spans[column], place - begin, run));
    i += static_cast<size_t>(run);
  }
  return out->Finish();
}

void GroupLog::Clear() {
  builder_.reset();
  sealed_.clear();
  sealed_ends_.clear();
  next_.clear();
  groups_.clear();
}

int64_t GroupLog::extra_bytes() const {
  return static_cast<int64_t>(next_.capacity() * sizeof(uint32_t) +
                              groups_.capacity() * sizeof(Chain));
}

Result<ArrayPtr> ListsOf(const ArrayPtr& values, const std::vector<int64_t>& ends,
                         bool empty_is_null, arrow::MemoryPool* pool) {
  arrow::TypedBufferBuilder<int32_t> offsets(pool);
  arrow::TypedBufferBuilder<bool> validity(pool);
  const auto rows = static_cast<int64_t>(ends.size());
  ARROW_RETURN_NOT_OK(offsets.Reserve(rows + 1));
  ARROW_RETURN_NOT_OK(validity.Reserve(rows));
  offsets.UnsafeAppend(0);
  int64_t begin = 0;
  for (const int64_t end : ends) {
    if (end > std::numeric_limits<int32_t>::max()) {
      return errors::kTextTooLong.Make({}, "arrays of {} values", end);
    }
    offsets.UnsafeAppend(static_cast<int32_t>(end));
    validity.UnsafeAppend(!empty_is_null || end > begin);
    begin = end;
  }
  const int64_t nulls = validity.false_count();
  ARROW_ASSIGN_OR_RAISE(auto bounds, offsets.Finish());
  ARROW_ASSIGN_OR_RAISE(auto bits, validity.Finish());
  return arrow::MakeArray(arrow::ArrayData::Make(arrow::list(values->type()), rows,
                                                 {std::move(bits), std::move(bounds)},
                                                 {values->data()}, nulls));
}

}  // namespace millrace::functions
