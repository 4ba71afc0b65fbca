// RangeList: the ranges of one file, which readers on many threads ask for by number.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/formats/format.h"

namespace millrace::formats {

/// Thread-safe.
class RangeList {
 public:
  /// What `cut()` answered when it was first asked; it never answers nothing.
  template <typename Cut>
  std::vector<Range> Once(Cut&& cut) {
    std::lock_guard lock(mutex_);
    if (ranges_.empty()) ranges_ = cut();
    return ranges_;
  }

  /// Range number `ordinal` of Once's answer. `file`: for the error.
  Result<Range> At(size_t ordinal, const std::string& file) const {
    std::lock_guard lock(mutex_);
    if (ordinal < ranges_.size()) return ranges_[ordinal];
    return errors::kInternal.Make({.file = file}, "no range {}", ordinal);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Range> ranges_;
};

}  // namespace millrace::formats
