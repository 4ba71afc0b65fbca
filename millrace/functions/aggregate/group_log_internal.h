// Values of groups, all of them, in the order of arrival.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/api.h>

#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

/// Values of any type lie one behind the other in columns from the pool; each group is a
/// chain through them. A value's place never changes.
class GroupLog {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  GroupLog(TypePtr type, arrow::MemoryPool* pool);

  void Resize(int64_t groups);
  /// Values [begin, begin + rows) of `values`, value i into group ids[i]; null `ids`: all
  /// into group 0.
  Status Append(const arrow::Array& values, int64_t begin, const uint32_t* ids,
                int64_t rows);
  /// Number of values of all groups, and the place of the next one.
  int64_t size() const { return static_cast<int64_t>(next_.size()); }
  /// The places of a group's values are appended to `out`, by arrival.
  void PlacesOf(int64_t group, std::vector<uint32_t>* out) const;
  /// The values at `places` as an array; kNone gives NULL.
  Result<ArrayPtr> Take(const std::vector<uint32_t>& places);
  void Clear();
  /// Bytes held outside the pool.
  int64_t extra_bytes() const;

 private:
  struct Chain {
    uint32_t first = kNone, last = kNone;
  };
  // What the builder holds becomes a column that can be read.
  Status Seal();
  Result<ArrayPtr> TakeFromOne(const std::vector<uint32_t>& places) const;

  const TypePtr type_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  arrow::ArrayVector sealed_;
  std::vector<int64_t> sealed_ends_;
  std::vector<uint32_t> next_;
  std::vector<Chain> groups_;
};

/// Lists of `values`, list i those up to ends[i]; NULL where there is none and
/// `empty_is_null`. Fails with errors::kTextTooLong beyond 2^31 values.
Result<ArrayPtr> ListsOf(const ArrayPtr& values, const std::vector<int64_t>& ends,
                         bool empty_is_null, arrow::MemoryPool* pool);

}  // namespace millrace::functions
