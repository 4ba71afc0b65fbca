#include "millrace/operators/aggregate/integer_table.h"

#include <algorithm>

namespace millrace::operators {

namespace {

// A range is kept as an array while it has at most so many entries a row seen, and at
// most kMaxRange in all: 64 MiB.
constexpr int64_t kRangePerRow = 16;
constexpr int64_t kMinRange = 64 * 1024;
constexpr int64_t kMaxRange = int64_t{1} << 24;
// Below this many bytes of slots the table is in the second-level cache, where a prefetch
// only costs.
constexpr size_t kCacheBytes = 1 << 20;

// Fibonacci hashing with the high half folded in: enough for keys that come from ids and
// times, and one multiply.
inline uint64_t Mix(int64_t key) {
  uint64_t hash = static_cast<uint64_t>(key) * 0x9E3779B97F4A7C15ull;
  return hash ^ (hash >> 32);
}

}  // namespace

IntegerTable::IntegerTable(std::shared_ptr<MemoryBudget> memory)
    : memory_(std::move(memory)) {}

IntegerTable::~IntegerTable() { memory_->Release(charged_); }

Status IntegerTable::Charge() {
  const auto bytes = static_cast<int64_t>(keys_.capacity() * sizeof(int64_t) +
                                          range_.capacity() * sizeof(uint32_t) +
                                          slots_.capacity() * sizeof(Slot));
  if (bytes > charged_) {
    ARROW_RETURN_NOT_OK(memory_->Reserve(bytes - charged_));
  } else {
    memory_->Release(charged_ - bytes);
  }
  charged_ = bytes;
  return Status::OK();
}

Status IntegerTable::Map(const int64_t* keys, int64_t rows, uint32_t* ids) {
  if (rows == 0) return Status::OK();
  rows_seen_ += rows;
  if (by_range_) {
    int64_t low = 0, high = 0;
    if (FitsRange(keys, rows, &low, &high)) {
      ARROW_RETURN_NOT_OK(WidenRange(low, high));
      MapRange(keys, rows, ids);
      return Charge();
    }
    ARROW_RETURN_NOT_OK(LeaveRange());
  }
  ARROW_RETURN_NOT_OK(MapHash(keys, rows, ids));
  return Charge();
}

bool IntegerTable::FitsRange(const int64_t* keys, int64_t rows, int64_t* low,
                             int64_t* high) const {
  int64_t min = keys[0], max = keys[0];
  for (int64_t i = 1; i < rows; ++i) {
    min = std::min(min, keys[i]);
    max = std::max(max, keys[i]);
  }
  if (!range_.empty()) {
    min = std::min(min, range_base_);
    max = std::max(max, range_base_ + (static_cast<int64_t>(range_.size()) - 1));
  }
  *low = min;
  *high = max;
  const uint64_t width = static_cast<uint64_t>(max) - static_cast<uint64_t>(min);
  const int64_t allowed = AllowedRange();
  return width < static_cast<uint64_t>(allowed);
}

Status IntegerTable::WidenRange(int64_t low, int64_t high) {
  const int64_t old_size = static_cast<int64_t>(range_.size());
  if (old_size > 0 && low >= range_base_ && high - range_base_ < old_size)
    return Status::OK();
  // Room to grow upwards by half, so that ascending keys don't copy the array every
  // batch.
  const int64_t width = high - low + 1;
  const int64_t room = high <= INT64_MAX - width ? width / 2 : 0;
  std::vector<uint32_t> wider(static_cast<size_t>(width + room), kNone);
  if (old_size > 0) {
    std::copy(range_.begin(), range_.end(),
              wider.begin() + static_cast<std::ptrdiff_t>(range_base_ - low));
  }
  range_ = std::move(wider);
  range_base_ = low;
  return Status::OK();
}

void IntegerTable::MapRange(const int64_t* keys, int64_t rows, uint32_t* ids) {
  uint32_t* const range = range_.data();
  const int64_t base = range_base_;
  for (int64_t i = 0; i < rows; ++i) {
    uint32_t& id = range[keys[i] - base];
    if (__builtin_expect(id == kNone, 0)) {
      id = static_cast<uint32_t>(keys_.size());
      keys_.push_back(keys[i]);
    }
    ids[i] = id;
  }
}

Status IntegerTable::LeaveRange() {
  by_range_ = false;
  range_ = {};
  size_t slots = 1024;
  while (slots < keys_.size() * 2 + 1) slots *= 2;
  return Grow(slots);
}

Status IntegerTable::Grow(size_t slots) {
  ARROW_RETURN_NOT_OK(memory_->Reserve(static_cast<int64_t>(slots * sizeof(Slot))));
  charged_ += static_cast<int64_t>(slots * sizeof(Slot));
  slots_.assign(slots, Slot{0, kNone});
  mask_ = slots - 1;
  for (uint32_t id = 0; id < keys_.size(); ++id) {
    uint64_t at = Mix(keys_[id]) & mask_;
    while (slots_[at].id != kNone) at = (at + 1) & mask_;
    slots_[at] = {keys_[id], id};
  }
  return Charge();
}

uint32_t IntegerTable::Probe(int64_t key, uint64_t hash) {
  for (uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.id == kNone) {
      slot = {key, static_cast<uint32_t>(keys_.size())};
      keys_.push_back(key);
      return slot.id;
    }
    if (slot.key == key) return slot.id;
  }
}

Status IntegerTable::MapHash(const int64_t* keys, int64_t rows, uint32_t* ids) {
  uint64_t hashes[kVector];
  for (int64_t begin = 0; begin < rows; begin += kVector) {
    const int64_t count = std::min(kVector, rows - begin);
    // Room for every key of the vector to be new: probing then needs no check.
    if ((keys_.size() + static_cast<size_t>(count)) * 2 > slots_.size()) {
      ARROW_RETURN_NOT_OK(Grow(slots_.size() * 2));
    }
    const bool prefetch = slots_.size() * sizeof(Slot) > kCacheBytes;
    for (int64_t i = 0; i < count; ++i) hashes[i] = Mix(keys[begin + i]);
    if (prefetch) {
      for (int64_t i = 0; i < count; ++i)
        __builtin_prefetch(&slots_[hashes[i] & mask_], 1);
    }
    for (int64_t i = 0; i < count; ++i)
      ids[begin + i] = Probe(keys[begin + i], hashes[i]);
  }
  return Status::OK();
}

void IntegerTable::Clear() {
  if (by_range_) {
    for (int64_t key : keys_) range_[static_cast<size_t>(key - range_base_)] = kNone;
  } else if (!keys_.empty()) {
    // What looked sparse in a few rows may be dense in many: the next round begins with
    // what this one has learnt.
    const auto [low, high] = std::minmax_element(keys_.begin(), keys_.end());
    const uint64_t width = static_cast<uint64_t>(*high) - static_cast<uint64_t>(*low);
    if (width < static_cast<uint64_t>(AllowedRange())) {
      slots_ = {};
      by_range_ = true;
      range_base_ = *low;
      range_.assign(static_cast<size_t>(width) + 1, kNone);
    } else {
      std::fill(slots_.begin(), slots_.end(), Slot{0, kNone});
    }
  }
  keys_.clear();
}

int64_t IntegerTable::AllowedRange() const {
  return std::clamp(rows_seen_ * kRangePerRow, kMinRange, kMaxRange);
}

}  // namespace millrace::operators
