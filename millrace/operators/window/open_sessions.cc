#include "millrace/operators/window/open_sessions.h"

#include <algorithm>

namespace millrace::operators {

namespace {

// A bucket that a watermark stands in is looked through at each of them: a finer one
// holds fewer sessions that are not due.
constexpr int64_t kBucketsPerGap = 16;

int64_t Plus(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_add_overflow(a, b, &out)) return std::numeric_limits<int64_t>::max();
  return out;
}

}  // namespace

OpenSessions::OpenSessions(int64_t gap, int64_t longest)
    : gap_(gap),
      longest_(longest == 0 ? std::numeric_limits<int64_t>::max() : longest),
      bucket_width_(std::max<int64_t>(gap / kBucketsPerGap, 1)) {}

int64_t OpenSessions::EndOf(const Session& session) const {
  return std::min(Plus(session.last, gap_), Plus(session.start, longest_));
}

int64_t OpenSessions::BucketOf(int64_t end) const {
  const int64_t bucket = end / bucket_width_;
  return end % bucket_width_ < 0 ? bucket - 1 : bucket;
}

// [time, time + gap) and the session have an instant in common, and together are not too
// long.
bool OpenSessions::Takes(const Session& session, int64_t time) const {
  return time < EndOf(session) && session.start < Plus(time, gap_) &&
         std::max(session.last, time) - std::min(session.start, time) < longest_;
}

uint32_t OpenSessions::Insert(uint32_t key, int64_t start, int64_t last, uint32_t* link) {
  const auto id = static_cast<uint32_t>(sessions_.size());
  const uint32_t earlier = *link;
  *link = id;  // before the vector that it may lie in grows
  sessions_.push_back({start, last, key, earlier, true});
  buckets_[BucketOf(EndOf(sessions_.back()))].push_back(id);
  ++in_buckets_;
  ++living_;
  return id;
}

uint32_t OpenSessions::Add(uint32_t key, int64_t time, int64_t closed,
                           std::vector<Merge>* merges) {
  if (key >= latest_.size()) latest_.resize(key + 1, kNone);
  uint32_t* link = &latest_[key];
  // Past those that begin too late for it to touch them.
  while (*link != kNone && Plus(time, gap_) <= sessions_[*link].start) {
    link = &sessions_[*link].earlier;
  }
  if (*link == kNone || !Takes(sessions_[*link], time)) {
    if (Plus(time, gap_) - 1 <= closed) return kNone;
    // Sessions of one key lie in the order of their starts.
    while (*link != kNone && sessions_[*link].start > time) {
      link = &sessions_[*link].earlier;
    }
    return Insert(key, time, time, link);
  }
  const uint32_t id = *link;
  Session& session = sessions_[id];
  const int64_t end = EndOf(session);
  session.last = std::max(session.last, time);
  if (time < session.start) {
    session.start = time;
    const uint32_t before = session.earlier;
    if (before != kNone && sessions_[before].last - time < 0 &&
        time < EndOf(sessions_[before]) &&
        session.last - sessions_[before].start < longest_) {
      Session& merged = sessions_[before];
      session.start = merged.start;
      session.earlier = merged.earlier;
      merged.alive = false;
      merged.earlier = id;
      --living_;
      merges->push_back({before, id});
    }
    if (EndOf(session) < end) {  // an earlier start, and so an earlier longest end
      buckets_[BucketOf(EndOf(session))].push_back(id);
      ++in_buckets_;
    }
  }
  return id;
}

uint32_t OpenSessions::Root(uint32_t session) const {
  while (!sessions_[session].alive) session = sessions_[session].earlier;
  return session;
}

void OpenSessions::Unlink(uint32_t session) {
  uint32_t* link = &latest_[sessions_[session].key];
  while (*link != session) link = &sessions_[*link].earlier;
  *link = sessions_[session].earlier;
}

void OpenSessions::Close(int64_t watermark, std::vector<uint32_t>* ended) {
  std::vector<uint32_t> later;
  const int64_t last_bucket = BucketOf(Plus(watermark, 1));
  while (!buckets_.empty() && buckets_.begin()->first <= last_bucket) {
    const int64_t bucket = buckets_.begin()->first;
    std::vector<uint32_t> stay;
    for (const uint32_t id : buckets_.begin()->second) {
      Session& session = sessions_[id];
      if (!session.alive) {
        --in_buckets_;
      } else if (EndOf(session) - 1 <= watermark) {
        Unlink(id);
        session.alive = false;
        --living_;
        --in_buckets_;
        ended->push_back(id);
      } else if (BucketOf(EndOf(session)) == bucket) {
        stay.push_back(id);
      } else {
        later.push_back(id);
      }
    }
    if (stay.empty()) {
      buckets_.erase(buckets_.begin());
    } else {
      buckets_.begin()->second = std::move(stay);
    }
    for (const uint32_t id : later)
      buckets_[BucketOf(EndOf(sessions_[id]))].push_back(id);
    later.clear();
    // The watermark stands in this bucket, and what is in it is not due.
    if (!buckets_.empty() && buckets_.begin()->first == bucket) break;
  }
}

void OpenSessions::Restore(uint32_t key, int64_t start, int64_t last) {
  if (key >= latest_.size()) latest_.resize(key + 1, kNone);
  uint32_t* link = &latest_[key];
  while (*link != kNone && sessions_[*link].start > start) {
    link = &sessions_[*link].earlier;
  }
  Insert(key, start, last, link);
}

int64_t OpenSessions::bytes() const {
  return static_cast<int64_t>(sessions_.capacity() * sizeof(Session) +
                              latest_.capacity() * sizeof(uint32_t)) +
         in_buckets_ * static_cast<int64_t>(sizeof(uint32_t)) * 2;
}

}  // namespace millrace::operators
