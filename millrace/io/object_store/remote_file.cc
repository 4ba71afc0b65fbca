#include "millrace/io/object_store/remote_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <arrow/buffer.h>

namespace millrace::io {

namespace {

constexpr int64_t kBlock = 256 * 1024;  // runs begin at multiples of it
constexpr int64_t kFirstRun = 1 << 20;
constexpr int64_t kLongestRun = 8 << 20;
// What lies between two ranges is fetched with them when it is cheaper than a request.
constexpr int64_t kMaxGap = 512 * 1024;
constexpr int64_t kMaxAhead = 64 << 20;
constexpr int64_t kMaxHeld = 128 << 20;
constexpr int kMaxFetchers = 4;  // of one file, on the executor
// A range of text begins with a look at the byte before it.
constexpr int64_t kTail = 64;

}  // namespace

struct RemoteFile::Run {
  enum class State { kQueued, kFetching, kReady, kFailed, kGone };
  int64_t begin = 0, end = 0;
  State state = State::kQueued;
  bool sequential = false;  // goes on where another one ended
  bool kept = false;        // the file's beginning or its end: read more than once
  int64_t needed = 0;       // bytes that somebody will read
  int64_t read = 0;
  uint64_t used = 0;
  Status error;
  std::shared_ptr<arrow::Buffer> bytes;

  int64_t size() const { return end - begin; }
};

RemoteFile::RemoteFile(std::shared_ptr<ObjectStore> store, ObjectInfo info,
                       std::shared_ptr<MemoryBudget> memory, Executor* executor)
    : store_(std::move(store)),
      info_(std::move(info)),
      memory_(std::move(memory)),
      executor_(executor) {}

RemoteFile::~RemoteFile() = default;

RemoteFile::RunPtr RemoteFile::Covering(int64_t offset) const {
  auto after = runs_.upper_bound(offset);
  if (after == runs_.begin()) return nullptr;
  const RunPtr& run = std::prev(after)->second;
  return offset < run->end ? run : nullptr;
}

RemoteFile::RunPtr RemoteFile::AddRun(int64_t begin, int64_t end, bool sequential) {
  auto run = std::make_shared<Run>();
  run->begin = begin;
  run->end = end;
  run->sequential = sequential;
  run->needed = end - begin;
  run->kept = end - begin <= kFirstRun && (begin == 0 || end == info_.size);
  runs_[begin] = run;
  return run;
}

RemoteFile::RunPtr RemoteFile::Plan(int64_t offset, int64_t size) {
  if (info_.whole_only) return AddRun(0, info_.size, false);
  int64_t begin = offset / kBlock * kBlock;
  const auto after = runs_.upper_bound(offset);
  RunPtr before;
  if (after != runs_.begin()) {
    before = std::prev(after)->second;
    // What is left of a run that was let go may end inside the block.
    begin = std::max(begin, before->end);
  }
  const bool sequential = before && before->end == begin && begin > 0;
  int64_t length = std::max(kFirstRun, offset + size - begin);
  if (sequential && !memory_->pressed()) length = std::max(length, 2 * before->needed);
  length = std::min(length, kLongestRun);
  int64_t end = std::min((begin + length + kBlock - 1) / kBlock * kBlock, info_.size);
  if (after != runs_.end()) end = std::min(end, after->second->begin);
  return AddRun(begin, end, sequential);
}

void RemoteFile::Fetch(const RunPtr& run) {
  Status status;
  std::shared_ptr<arrow::Buffer> bytes;
  auto allocated = arrow::AllocateBuffer(run->size(), memory_->pool());
  if (allocated.ok()) {
    std::unique_ptr<arrow::Buffer> buffer = std::move(*allocated);
    status = store_->Get(info_.key, run->begin, run->size(), info_.etag,
                         buffer->mutable_data());
    if (status.ok()) bytes = std::move(buffer);
  } else {
    status = allocated.status();
  }
  std::lock_guard lock(mutex_);
  run->state = status.ok() ? Run::State::kReady : Run::State::kFailed;
  run->error = status;
  run->bytes = std::move(bytes);
  // The next one to need it tries again.
  if (!status.ok()) LetGo(run);
  KeepWithinBounds();
  fetched_.notify_all();
}

void RemoteFile::LetGo(const RunPtr& run) {
  const auto found = runs_.find(run->begin);
  if (found != runs_.end() && found->second == run) runs_.erase(found);
}

Result<RemoteFile::RunPtr> RemoteFile::Ready(int64_t offset, int64_t size) {
  std::unique_lock lock(mutex_);
  for (bool again = false;;) {
    RunPtr run = Covering(offset);
    if (!run) run = Plan(offset, size);
    run->used = ++ticks_;
    if (run->state == Run::State::kQueued) {
      run->state = Run::State::kFetching;
      lock.unlock();
      Fetch(run);
      lock.lock();
    }
    while (run->state == Run::State::kFetching) fetched_.wait(lock);
    if (run->state == Run::State::kFailed) {
      // Memory for what was fetched ahead may have been too much; less may do.
      if (run->error.IsOutOfMemory() && !std::exchange(again, true)) continue;
      return run->error;
    }
    run->read += std::min(size, run->end - offset);
    FetchAhead(run, offset + size);
    RunPtr out = std::make_shared<Run>(*run);  // its bytes stay while they are copied
    if (!run->kept && run->read >= run->needed) {
      LetGo(run);
      const int64_t tail = std::min(kTail, run->size());
      auto rest = arrow::AllocateBuffer(tail, memory_->pool());
      if (rest.ok() && run->end < info_.size) {
        std::memcpy((*rest)->mutable_data(), run->bytes->data() + run->size() - tail,
                    static_cast<size_t>(tail));
        const RunPtr left = AddRun(run->end - tail, run->end, false);
        left->state = Run::State::kReady;
        left->bytes = std::move(*rest);
        left->kept = true;
        left->needed = run->needed;  // what is read on grows from this
      }
    }
    return out;
  }
}

void RemoteFile::FetchAhead(const RunPtr& run, int64_t offset) {
  if (executor_ == nullptr || !run->sequential || offset < run->begin + run->size() / 2 ||
      run->end >= info_.size || memory_->pressed() || Covering(run->end)) {
    return;
  }
  const auto after = runs_.upper_bound(run->end);
  int64_t end = std::min(run->end + std::min(2 * run->size(), kLongestRun), info_.size);
  if (after != runs_.end()) end = std::min(end, after->second->begin);
  queue_.push_back(AddRun(run->end, end, true));
  Pump();
}

void RemoteFile::Pump() {
  while (fetchers_ < kMaxFetchers && static_cast<size_t>(fetchers_) < queue_.size()) {
    ++fetchers_;
    executor_->Submit([self = std::dynamic_pointer_cast<RemoteFile>(shared_from_this())] {
      self->FetchQueued();
    });
  }
}

void RemoteFile::FetchQueued() {
  RunPtr run;
  {
    std::lock_guard lock(mutex_);
    while (!queue_.empty() && !run) {
      if (queue_.front()->state == Run::State::kQueued) run = queue_.front();
      queue_.pop_front();
    }
    // Nobody else holds the file: nobody will read it.
    if (run && weak_from_this().use_count() == 1) run = nullptr;
    if (run) run->state = Run::State::kFetching;
  }
  if (run) Fetch(run);
  std::lock_guard lock(mutex_);
  --fetchers_;
  Pump();
}

void RemoteFile::KeepWithinBounds() {
  for (;;) {
    int64_t held = 0;
    RunPtr oldest;
    for (const auto& [begin, run] : runs_) {
      if (run->state != Run::State::kReady) continue;
      held += run->size();
      if (run->size() > kTail && (!oldest || run->used < oldest->used)) oldest = run;
    }
    if (held <= std::max(kMaxHeld, info_.whole_only ? info_.size : 0) || !oldest) return;
    LetGo(oldest);
  }
}

Status RemoteFile::WillNeed(const std::vector<arrow::io::ReadRange>& ranges) {
  if (executor_ == nullptr || memory_->pressed() || info_.whole_only) return Status::OK();
  std::vector<arrow::io::ReadRange> sorted = ranges;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  std::lock_guard lock(mutex_);
  int64_t ahead = 0;
  RunPtr open;  // may still grow
  for (const arrow::io::ReadRange& range : sorted) {
    int64_t at = std::max<int64_t>(range.offset, 0);
    const int64_t end = std::min(range.offset + range.length, info_.size);
    while (at < end && ahead < kMaxAhead) {
      if (const RunPtr there = Covering(at); there && there != open) {
        at = there->end;
        open = nullptr;
        continue;
      }
      int64_t stop = info_.size;
      if (const auto next = runs_.upper_bound(at); next != runs_.end())
        stop = next->second->begin;
      if (open && at <= open->end + kMaxGap) {
        const auto behind = runs_.upper_bound(open->begin);
        const bool adjacent = behind == runs_.end() || behind->second->begin > at;
        const int64_t to = std::min({end, open->begin + kLongestRun, stop});
        if (adjacent && to > at) {
          ahead += to - open->end;
          open->needed += to - at;
          open->end = to;
          at = to;
          continue;
        }
      }
      open = AddRun(at, std::min({end, at + kLongestRun, stop}), false);
      open->kept = false;
      ahead += open->size();
      at = open->end;
      queue_.push_back(open);
    }
  }
  Pump();
  return Status::OK();
}

Result<int64_t> RemoteFile::ReadAt(int64_t position, int64_t size, void* out) {
  if (position < 0 || size < 0) return Status::Invalid("a read outside of the file");
  size = std::min(size, std::max<int64_t>(info_.size - position, 0));
  int64_t done = 0;
  while (done < size) {
    ARROW_ASSIGN_OR_RAISE(const RunPtr run, Ready(position + done, size - done));
    const int64_t inside = position + done - run->begin;
    const int64_t part = std::min(size - done, run->size() - inside);
    std::memcpy(static_cast<uint8_t*>(out) + done, run->bytes->data() + inside,
                static_cast<size_t>(part));
    done += part;
  }
  return done;
}

Result<std::shared_ptr<arrow::Buffer>> RemoteFile::ReadAt(int64_t position,
                                                          int64_t size) {
  if (position < 0 || size < 0) return Status::Invalid("a read outside of the file");
  size = std::min(size, std::max<int64_t>(info_.size - position, 0));
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(size, memory_->pool()));
  ARROW_RETURN_NOT_OK(ReadAt(position, size, buffer->mutable_data()).status());
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

}  // namespace millrace::io
