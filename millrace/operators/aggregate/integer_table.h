// IntegerTable: 64-bit keys → dense ids, in order of first arrival.
#pragma once

#include <cstdint>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/operators/reservation.h"

namespace millrace::operators {

/// Two forms, chosen by the keys met. While they lie in a range that is not much larger
/// than the number of rows seen, an array over the range holds the ids. Otherwise open
/// addressing with linear probing, looked up in vectors of kVector keys whose slots are
/// prefetched first once the table no longer fits the second-level cache; before it would
/// grow, the range is looked at again. Used by one thread.
///
/// Both forms hold tags instead of ids: tag = id + `first_tag_`, which Clear moves past
/// every tag given out, so that forgetting a million keys touches none of their entries.
class IntegerTable {
 public:
  explicit IntegerTable(std::shared_ptr<MemoryBudget> memory);
  IntegerTable(const IntegerTable&) = delete;
  IntegerTable& operator=(const IntegerTable&) = delete;

  /// ids[i] = id of keys[i]; unknown keys get the next ids.
  Status Map(const int64_t* keys, int64_t rows, uint32_t* ids);
  /// Keys by id; valid until the next Map.
  const int64_t* keys() const { return keys_.data(); }
  uint32_t size() const { return count_; }
  /// So many keys are to come: make room for them at once, when the first do.
  void Expect(int64_t keys) { expected_ = static_cast<size_t>(keys); }
  /// Forget every key but keep the memory.
  void Clear();

 private:
  struct Slot {
    int64_t key;
    uint32_t tag;
  };
  static constexpr int64_t kVector = 1024;

  bool FitsRange(const int64_t* keys, int64_t rows, int64_t* low, int64_t* high) const;
  int64_t AllowedRange() const;
  Status WidenRange(int64_t low, int64_t high);
  void MapRange(const int64_t* keys, int64_t rows, uint32_t* ids);
  Status MapHash(const int64_t* keys, int64_t rows, uint32_t* ids);
  void LeaveRange();
  bool ReturnToRange();
  Status Grow(size_t slots);
  void ReserveKeys(int64_t more);
  bool Known(uint32_t tag) const { return tag - first_tag_ < count_; }
  Status Charge();

  Reservation reservation_;
  std::vector<int64_t> keys_;  // room; the first count_ are in use
  uint32_t count_ = 0;
  uint32_t first_tag_ = 1;  // of id 0; what is below, 0 above all, is no key's
  bool by_range_ = true;
  size_t expected_ = 0;
  int64_t rows_seen_ = 0;
  int64_t range_base_ = 0;
  std::vector<uint32_t> range_;  // tags
  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
};

}  // namespace millrace::operators
