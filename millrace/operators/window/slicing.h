// Slicing: where slices and windows of time begin and end.
#pragma once

#include <cstdint>
#include <memory>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/plan/window.h"

namespace date {
class time_zone;
}

namespace millrace::operators {

/// Slices are numbered in the order of the clock on the wall; a window goes by the number
/// of its last slice. Instants are microseconds since 1970, UTC.
///
/// When clocks are put back, an hour of the wall comes twice: slices in it take the rows
/// of both, begin with the first and end with the second. When clocks are put forward,
/// slices of the hour that is left out are empty. Immutable but for what it remembers of
/// the last look: used by one thread.
class Slicing {
 public:
  /// Of no session. Fails with kUnknownTimeZone.
  static Result<Slicing> Make(const plan::Window& window);

  /// A slice, and instants around one that all lie in it.
  struct Range {
    int64_t begin = 0;
    int64_t end = 0;
    int64_t slice = 0;

    bool Holds(int64_t instant) const { return instant >= begin && instant < end; }
  };
  Range Find(int64_t instant) const;
  int64_t SliceOf(int64_t instant) const { return Find(instant).slice; }
  /// The first instant of the slice, the first one behind it.
  int64_t StartOf(int64_t slice) const;
  int64_t EndOf(int64_t slice) const;

  /// The windows that hold a slice, from the first to the last of them. Where windows
  /// leave gaps it may lie in none: then the first is behind the last.
  int64_t FirstWindow(int64_t slice) const;
  int64_t LastWindow(int64_t slice) const;
  /// The first slice from this one on that lies in a window.
  int64_t NextInWindow(int64_t slice) const {
    while (FirstWindow(slice) > LastWindow(slice)) ++slice;
    return slice;
  }
  /// From one window to the next.
  int64_t WindowStep() const;
  /// The first instant of a window; its end is that of its last slice.
  int64_t WindowStart(int64_t window) const { return StartOf(FirstSlice(window)); }
  /// All windows from this one on, and slices, end behind `watermark`.
  int64_t FirstOpen(int64_t watermark) const;

 private:
  struct Local {  // of a span of instants with one difference from UTC
    int64_t begin, end, offset;
  };
  explicit Slicing(const plan::Window& window);
  const Local& LocalAt(int64_t instant) const;
  int64_t SliceOfLocal(int64_t wall) const;
  int64_t LocalStart(int64_t slice) const;
  int64_t FirstSlice(int64_t window) const;

  plan::Window::Kind kind_;
  int64_t months_, micros_;  // of a slice; one of both is 0
  int64_t offset_;
  int64_t size_, step_;  // in slices
  const date::time_zone* zone_ = nullptr;
  mutable Local local_;
};

/// The windows of an aggregation as its output names them: the slices of a first half.
class WindowBounds {
 public:
  using ArrayPtr = std::shared_ptr<arrow::Array>;

  WindowBounds(const Slicing& slicing, bool slices)
      : slicing_(slicing), slices_(slices) {}
  int64_t StartOf(int64_t window) const {
    return slices_ ? slicing_.StartOf(window) : slicing_.WindowStart(window);
  }
  int64_t EndOf(int64_t window) const { return slicing_.EndOf(window); }

  /// Of an int64 array of windows, as times of `type`.
  Result<ArrayPtr> Starts(const arrow::Array& windows,
                          const std::shared_ptr<arrow::DataType>& type,
                          arrow::MemoryPool* pool) const;
  Result<ArrayPtr> Ends(const arrow::Array& windows,
                        const std::shared_ptr<arrow::DataType>& type,
                        arrow::MemoryPool* pool) const;

 private:
  const Slicing slicing_;
  const bool slices_;
};

}  // namespace millrace::operators
