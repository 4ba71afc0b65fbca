// OpenSessions: which session a row belongs to.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace millrace::operators {

/// Sessions of many keys, by dense ids from 0 on. A session is [start, last + gap); a row
/// that lies `gap` behind the last one begins another. With `longest` a session also ends
/// `longest` behind its start; out of order, such sessions may overlap.
///
/// A row that fills the gap between two sessions makes them one: the earlier one is dead
/// from then on, as is one that was closed. Ids are not used again; a caller that holds
/// many dead ones builds another OpenSessions of those that live. Used by one thread.
class OpenSessions {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  /// Microseconds; `longest` 0: any length.
  OpenSessions(int64_t gap, int64_t longest);

  struct Merge {
    uint32_t from, into;
  };
  /// The session that a row of `key` at `time` falls into, a new one perhaps. kNone: it
  /// would be a session of its own that the watermark `closed` has passed. Sessions that
  /// become one are appended to `merges`.
  uint32_t Add(uint32_t key, int64_t time, int64_t closed, std::vector<Merge>* merges);
  /// What a session has become by merging, after any number of Add.
  uint32_t Root(uint32_t session) const;

  /// Sessions that are over at `watermark` die and are appended to `ended`.
  void Close(int64_t watermark, std::vector<uint32_t>* ended);

  /// A session that another OpenSessions held.
  void Restore(uint32_t key, int64_t start, int64_t last);

  int64_t start(uint32_t session) const { return sessions_[session].start; }
  int64_t last(uint32_t session) const { return sessions_[session].last; }
  int64_t end(uint32_t session) const { return EndOf(sessions_[session]); }
  uint32_t key(uint32_t session) const { return sessions_[session].key; }
  bool alive(uint32_t session) const { return sessions_[session].alive; }
  /// Of all ids given out, the dead included.
  int64_t size() const { return static_cast<int64_t>(sessions_.size()); }
  int64_t living() const { return living_; }
  /// Memory held.
  int64_t bytes() const;

 private:
  struct Session {
    int64_t start, last;
    uint32_t key;
    uint32_t earlier;  // of the same key, or kNone; of one that was merged: into which
    bool alive;
  };
  int64_t EndOf(const Session& session) const;
  bool Takes(const Session& session, int64_t time) const;
  uint32_t Insert(uint32_t key, int64_t start, int64_t last, uint32_t* link);
  void Unlink(uint32_t session);
  int64_t BucketOf(int64_t end) const;

  const int64_t gap_;
  const int64_t longest_;
  const int64_t bucket_width_;
  std::vector<Session> sessions_;
  std::vector<uint32_t> latest_;  // of each key
  // Sessions by about when they end. One that grew since lies too early: it is moved when
  // its bucket is looked at, so that growing costs nothing.
  std::map<int64_t, std::vector<uint32_t>> buckets_;
  int64_t in_buckets_ = 0;
  int64_t living_ = 0;
};

}  // namespace millrace::operators
