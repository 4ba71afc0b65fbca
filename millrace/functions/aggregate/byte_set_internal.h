// A set of byte strings, numbered by arrival.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/type_fwd.h>

namespace millrace::functions {

/// Open addressing over an arena, so that a new member costs no allocation of its own.
class ByteSet {
 public:
  /// The number of `key`, from 0, and whether it was not in the set before. Fewer than
  /// 2^32 - 1 keys fit.
  std::pair<uint32_t, bool> Insert(std::string_view key);
  void Clear();
  /// Bytes held outside the pool.
  int64_t bytes() const;

 private:
  struct Entry {
    uint64_t hash;
    size_t offset, length;
  };
  static constexpr uint32_t kFree = 0xFFFFFFFF;

  void Grow();

  std::vector<uint32_t> slots_;
  std::vector<Entry> entries_;
  std::vector<char> arena_;
};

/// Append a value's bytes such that equal values of `id` have equal ones: -0 is 0, there
/// is one NaN, and bytes of other lengths don't run into what follows.
void AppendCanonical(arrow::Type::type id, std::string_view bytes, std::string* key);

}  // namespace millrace::functions
