// IntegerTable: 64-bit keys → dense ids, in order of first arrival.
#pragma once

#include <cstdint>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/memory_budget.h"
#include "millrace/base/result.h"

namespace millrace::operators {

/// Two forms, chosen by the keys met. While they lie in a range that is not much larger
/// than the number of rows seen, an array over the range holds the ids. Otherwise open
/// addressing with linear probing, looked up in vectors of kVector keys whose slots are
/// prefetched first once the table no longer fits the second-level cache. Used by one
/// thread.
class IntegerTable {
 public:
  explicit IntegerTable(std::shared_ptr<MemoryBudget> memory);
  ~IntegerTable();
  IntegerTable(const IntegerTable&) = delete;
  IntegerTable& operator=(const IntegerTable&) = delete;

  /// ids[i] = id of keys[i]; unknown keys get the next ids.
  Status Map(const int64_t* keys, int64_t rows, uint32_t* ids);
  /// Keys by id.
  const std::vector<int64_t>& keys() const { return keys_; }
  uint32_t size() const { return static_cast<uint32_t>(keys_.size()); }
  /// Forget every key but keep the memory.
  void Clear();

 private:
  struct Slot {
    int64_t key;
    uint32_t id;
  };
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr int64_t kVector = 1024;

  bool FitsRange(const int64_t* keys, int64_t rows, int64_t* low, int64_t* high) const;
  int64_t AllowedRange() const;
  Status WidenRange(int64_t low, int64_t high);
  void MapRange(const int64_t* keys, int64_t rows, uint32_t* ids);
  Status MapHash(const int64_t* keys, int64_t rows, uint32_t* ids);
  Status LeaveRange();
  Status Grow(size_t slots);
  uint32_t Probe(int64_t key, uint64_t hash);
  Status Charge();

  const std::shared_ptr<MemoryBudget> memory_;
  int64_t charged_ = 0;
  std::vector<int64_t> keys_;
  bool by_range_ = true;
  int64_t rows_seen_ = 0;
  int64_t range_base_ = 0;
  std::vector<uint32_t> range_;
  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
};

}  // namespace millrace::operators
