// Windows of event time, as data.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::plan {

/// A length of time: months of the calendar, or microseconds; the other one is 0. Days
/// and weeks are so many hours of the clock on the wall.
struct Span {
  int64_t months = 0;
  int64_t micros = 0;

  bool operator==(const Span&) const = default;
  std::string ToString() const;
};

/// Half-open windows [start, end). Sessions go by the rows; all others by the clock on
/// the wall in `time_zone`, and are made of slices, whose length divides every length
/// here; slice 0 begins at 1970-01-01 00:00 + offset.
struct Window {
  enum class Kind {
    kTumbling,    ///< one behind the other
    kSliding,     ///< a new one every `step`, which may leave gaps or overlap
    kCumulating,  ///< from each multiple of `size`: after every `step`, all since then
    kSession,     ///< rows of one key that follow each other within the gap `size`
  };
  Kind kind = Kind::kTumbling;
  int time_column = -1;  ///< of the node's input: timestamp[us], with or without zone
  Span size;
  Span step;     ///< of kSliding and kCumulating, else the size
  Span longest;  ///< of a session; 0: any
  int64_t offset_micros = 0;
  /// So long after the watermark has passed its end a window takes rows still.
  int64_t grace_micros = 0;
  std::string time_zone;  ///< IANA; empty: UTC
  /// What becomes of rows whose windows take none any more.
  enum class Late {
    kDrop,        ///< left out and counted
    kDeadLetter,  ///< set aside
    kNextWindow,  ///< counted as if they had come in the first slice that is still open
  };
  Late late = Late::kDrop;
  /// The rows have been given their windows by a WindowNode, a copy for each: the time
  /// column is its window_time.
  bool assigned = false;

  bool operator==(const Window&) const = default;
  /// A row lies in one window at most, which is one slice.
  bool tumbles() const { return kind == Kind::kTumbling; }
  bool is_session() const { return kind == Kind::kSession; }
  /// The tumbling window of a slice; of no session.
  Window Slice() const;
  std::string ToString() const;
};

}  // namespace millrace::plan
