// One value of any scalar type per group.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/api.h>

#include "millrace/base/result.h"
#include "millrace/expr/function.h"

namespace millrace::functions {

/// Bytes of the values of one array: fixed width as they lie, text without its length,
/// BOOLEAN as one byte.
class ValueBytes {
 public:
  explicit ValueBytes(const arrow::Array& array);
  /// Valid until the next call.
  std::string_view operator[](int64_t row) const;
  bool IsNull(int64_t row) const { return array_.IsNull(row); }

 private:
  const arrow::Array& array_;
  const uint8_t* fixed_ = nullptr;
  int width_ = 0;
};

/// A value, NULL or nothing yet for each of the groups. Copies a value's bytes only when
/// it is set; texts reuse their room.
class GroupValues {
 public:
  GroupValues(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool);
  static bool Supports(const arrow::DataType& type);

  void Resize(int64_t groups);
  /// Was anything set, NULL included?
  bool IsSet(uint32_t group) const { return state_[group] != State::kUnset; }
  bool HasValue(uint32_t group) const { return state_[group] == State::kValue; }
  std::string_view Get(uint32_t group) const;
  void Set(uint32_t group, std::string_view bytes);
  void SetNull(uint32_t group) { state_[group] = State::kNull; }
  /// Groups without value are NULL.
  Result<std::shared_ptr<arrow::Array>> Build(const expr::GroupSelection& groups) const;
  /// Was anything set, as a BOOLEAN column.
  Result<std::shared_ptr<arrow::Array>> BuildIsSet(
      const expr::GroupSelection& groups) const;
  void Clear();
  /// Bytes held outside the pool.
  int64_t extra_bytes() const;

 private:
  template <typename Builder>
  Result<std::shared_ptr<arrow::Array>> BuildBytes(
      const expr::GroupSelection& groups) const;

  enum class State : uint8_t { kUnset, kNull, kValue };

  std::shared_ptr<arrow::DataType> type_;
  arrow::MemoryPool* pool_;
  int width_;  ///< 0: text
  std::vector<State> state_;
  std::vector<uint8_t> fixed_;
  std::vector<std::string> texts_;
  int64_t text_bytes_ = 0;  ///< outside the strings themselves
};

}  // namespace millrace::functions
