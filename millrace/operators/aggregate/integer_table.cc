#include "millrace/operators/aggregate/integer_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace millrace::operators {

namespace {

// A range is kept as an array while it has at most so many entries a row seen, and at
// most kMaxRange in all: 64 MiB.
constexpr int64_t kRangePerRow = 32;
constexpr int64_t kMinRange = 64 * 1024;
constexpr int64_t kMaxRange = int64_t{1} << 24;
// Below this many bytes of slots the table is in the second-level cache, where a prefetch
// only costs.
constexpr size_t kCacheBytes = 1 << 20;
// Tags start again at 1 once they have come so far: ids stay well below what is left.
constexpr uint32_t kMaxFirstTag = uint32_t{1} << 31;

// Fibonacci hashing with the high half folded in: enough for keys that come from ids and
// times, and one multiply.
inline uint64_t Mix(int64_t key) {
  uint64_t hash = static_cast<uint64_t>(key) * 0x9E3779B97F4A7C15ull;
  return hash ^ (hash >> 32);
}

}  // namespace

IntegerTable::IntegerTable(std::shared_ptr<MemoryBudget> memory)
    : reservation_(std::move(memory)) {}

Status IntegerTable::Charge() {
  const auto bytes = static_cast<int64_t>(keys_.capacity() * sizeof(int64_t) +
                                          range_.capacity() * sizeof(uint32_t) +
                                          slots_.capacity() * sizeof(Slot));
  return reservation_.Hold(bytes);
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
    LeaveRange();
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
  return width < static_cast<uint64_t>(AllowedRange());
}

Status IntegerTable::WidenRange(int64_t low, int64_t high) {
  const int64_t old_size = static_cast<int64_t>(range_.size());
  if (old_size > 0 && low >= range_base_ && high - range_base_ < old_size)
    return Status::OK();
  // Room to grow upwards by half, so that ascending keys don't copy the array every
  // batch.
  const int64_t width = high - low + 1;
  const int64_t room = high <= INT64_MAX - width ? width / 2 : 0;
  std::vector<uint32_t> wider(static_cast<size_t>(width + room), 0);
  if (old_size > 0) {
    std::copy(range_.begin(), range_.end(),
              wider.begin() + static_cast<std::ptrdiff_t>(range_base_ - low));
  }
  range_ = std::move(wider);
  range_base_ = low;
  return Status::OK();
}

// Room for `more` new keys.
void IntegerTable::ReserveKeys(int64_t more) {
  const size_t wanted = count_ + static_cast<size_t>(more);
  if (wanted > keys_.size()) keys_.resize(std::max(wanted, keys_.size() * 2));
}

void IntegerTable::MapRange(const int64_t* keys, int64_t rows, uint32_t* ids) {
  uint32_t* const range = range_.data();
  const int64_t base = range_base_;
  const uint32_t first = first_tag_;
  uint32_t count = count_;
  for (int64_t begin = 0; begin < rows; begin += kVector) {
    const int64_t end = std::min(begin + kVector, rows);
    count_ = count;
    ReserveKeys(end - begin);
    int64_t* const known = keys_.data();
    for (int64_t i = begin; i < end; ++i) {
      uint32_t& tag = range[keys[i] - base];
      uint32_t id = tag - first;
      if (id >= count) {
        id = count;
        tag = id + first;
        known[count++] = keys[i];
      }
      ids[i] = id;
    }
  }
  count_ = count;
}

void IntegerTable::LeaveRange() {
  by_range_ = false;
  range_ = {};
}

// What looked sparse in a few rows may be dense in many: with more rows seen and before
// the slots double again, the keys may fit an array.
bool IntegerTable::ReturnToRange() {
  if (count_ == 0) return false;
  const auto [low, high] = std::minmax_element(keys_.data(), keys_.data() + count_);
  const uint64_t width = static_cast<uint64_t>(*high) - static_cast<uint64_t>(*low);
  if (width >= static_cast<uint64_t>(AllowedRange())) return false;
  slots_ = {};
  by_range_ = true;
  range_base_ = *low;
  range_.assign(static_cast<size_t>(width) + 1, 0);
  for (uint32_t id = 0; id < count_; ++id)
    range_[static_cast<size_t>(keys_[id] - range_base_)] = id + first_tag_;
  return true;
}

Status IntegerTable::Grow(size_t slots) {
  // The old slots are let go once the new ones are there.
  ARROW_RETURN_NOT_OK(reservation_.Hold(reservation_.bytes() +
                                        static_cast<int64_t>(slots * sizeof(Slot))));
  keys_.reserve(slots / 2);
  slots_.assign(slots, Slot{0, 0});
  mask_ = slots - 1;
  for (uint32_t id = 0; id < count_; ++id) {
    uint64_t at = Mix(keys_[id]) & mask_;
    while (Known(slots_[at].tag)) at = (at + 1) & mask_;
    slots_[at] = {keys_[id], id + first_tag_};
  }
  return Charge();
}

Status IntegerTable::MapHash(const int64_t* keys, int64_t rows, uint32_t* ids) {
  uint64_t hashes[kVector];
  for (int64_t begin = 0; begin < rows; begin += kVector) {
    const int64_t count = std::min(kVector, rows - begin);
    // Room for every key of the vector to be new: probing then needs no check.
    const size_t wanted = (count_ + static_cast<size_t>(count)) * 2;
    if (wanted > slots_.size()) {
      if (!slots_.empty() && ReturnToRange()) {
        return Map(keys + begin, rows - begin, ids + begin);
      }
      // Where there is no room for what is expected, there may be for what has come.
      const size_t expected = std::exchange(expected_, 0) * 2;
      if (wanted >= expected || !Grow(std::bit_ceil(expected)).ok()) {
        ARROW_RETURN_NOT_OK(Grow(std::bit_ceil(std::max<size_t>(wanted, 1024))));
      }
    }
    ReserveKeys(count);
    int64_t* const known = keys_.data();
    Slot* const slots = slots_.data();
    const uint32_t first = first_tag_;
    uint32_t size = count_;
    const bool prefetch = slots_.size() * sizeof(Slot) > kCacheBytes;
    for (int64_t i = 0; i < count; ++i) hashes[i] = Mix(keys[begin + i]);
    if (prefetch) {
      for (int64_t i = 0; i < count; ++i)
        __builtin_prefetch(&slots[hashes[i] & mask_], 1);
    }
    for (int64_t i = 0; i < count; ++i) {
      const int64_t key = keys[begin + i];
      for (uint64_t at = hashes[i] & mask_;; at = (at + 1) & mask_) {
        Slot& slot = slots[at];
        const uint32_t id = slot.tag - first;
        if (id >= size) {
          slot = {key, size + first};
          known[size] = key;
          ids[begin + i] = size++;
          break;
        }
        if (slot.key == key) {
          ids[begin + i] = id;
          break;
        }
      }
    }
    count_ = size;
  }
  return Status::OK();
}

void IntegerTable::Clear() {
  // The next round begins with what this one has learnt.
  if (!by_range_) ReturnToRange();
  first_tag_ += count_;
  count_ = 0;
  if (first_tag_ < kMaxFirstTag) return;
  first_tag_ = 1;
  std::fill(range_.begin(), range_.end(), 0);
  std::fill(slots_.begin(), slots_.end(), Slot{0, 0});
}

int64_t IntegerTable::AllowedRange() const {
  return std::clamp(rows_seen_ * kRangePerRow, kMinRange, kMaxRange);
}

}  // namespace millrace::operators
