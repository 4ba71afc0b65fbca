#include "millrace/connectors/files/uploads.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <arrow/buffer.h>

#include "millrace/base/error.h"
#include "millrace/base/failpoint.h"

namespace millrace::files {

namespace {

constexpr int64_t kFirstBuffer = 256 << 10;
constexpr int64_t kUploadBytes = 8 << 20;
// Of the size before a piece: keeps 10,000 pieces far from the end.
constexpr int64_t kShare = 1000;
constexpr int kMostRunning = 8;
constexpr int kMostWaiting = 12;

}  // namespace

/// One object. The writer's thread fills it, jobs send it.
class Uploads::Upload final : public PendingPart,
                              public io::WritableFile,
                              public std::enable_shared_from_this<Upload> {
 public:
  Upload(std::shared_ptr<Uploads> place, std::string key)
      : key(std::move(key)), place_(std::move(place)) {}

  io::WritableFile& file() override { return *this; }

  Status Write(const void* data, int64_t size) override {
    const auto* bytes = static_cast<const uint8_t*>(data);
    while (size > 0) {
      const int64_t piece = std::max(kUploadBytes, handed_over_ / kShare);
      const int64_t take = std::min(size, piece - filled_);
      ARROW_RETURN_NOT_OK(MakeRoom(filled_ + take, piece));
      std::memcpy(buffer_->mutable_data() + filled_, bytes, take);
      filled_ += take;
      bytes += take;
      size -= take;
      if (filled_ == piece) ARROW_RETURN_NOT_OK(HandOver());
    }
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return handed_over_ + filled_; }

  Future<> Finish() override {
    // An object without bytes has one piece without any.
    if (filled_ > 0 || pieces_ == 0) {
      if (const Status status = HandOver(); !status.ok())
        return Future<>::MakeFinished(status);
    }
    auto place = std::exchange(place_, nullptr);
    std::unique_lock lock(place->mutex_);
    finished_ = true;
    size = handed_over_;
    if (left != 0) return done;
    const Status status = failed;
    lock.unlock();
    done.MarkFinished(status);
    return done;
  }

  void Discard() override {
    if (auto place = std::exchange(place_, nullptr)) {
      std::lock_guard lock(place->mutex_);
      if (failed.ok()) failed = errors::kCancelled.Make({}, "");
    }
  }

  /// Under the place's mutex: is `done` to be marked now?
  bool ended() const { return finished_ && left == 0; }

  const std::string key;
  Future<> done = Future<>::Make();
  // Under the place's mutex:
  std::string id;  // "" before it has begun
  int64_t size = 0;
  std::vector<std::string> etags;
  std::deque<Job> held;  // until it has begun
  int left = 0;          // jobs
  Status failed;
  bool prepared = false;

 private:
  Status MakeRoom(int64_t bytes, int64_t piece) {
    if (!buffer_) {
      ARROW_ASSIGN_OR_RAISE(
          buffer_, arrow::AllocateResizableBuffer(std::max(bytes, kFirstBuffer),
                                                  place_->options_.memory->pool()));
      return Status::OK();
    }
    if (bytes <= buffer_->size()) return Status::OK();
    return buffer_->Resize(std::min(piece, std::max(bytes, 2 * buffer_->size())),
                           /*shrink_to_fit=*/false);
  }

  Status HandOver() {
    if (!buffer_) ARROW_RETURN_NOT_OK(MakeRoom(0, kUploadBytes));
    ARROW_RETURN_NOT_OK(buffer_->Resize(filled_, /*shrink_to_fit=*/false));
    handed_over_ += std::exchange(filled_, 0);
    place_->Enqueue({shared_from_this(), ++pieces_, std::move(buffer_)});
    buffer_.reset();
    return Status::OK();
  }

  std::shared_ptr<Uploads> place_;
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  int64_t filled_ = 0;
  int64_t handed_over_ = 0;
  int pieces_ = 0;
  bool finished_ = false;  // under the place's mutex
};

Result<std::shared_ptr<PendingPart>> Uploads::Begin(WriterId writer, int64_t epoch,
                                                    int64_t ordinal,
                                                    const std::string& folder) {
  std::string key = options_.only_key;
  if (key.empty()) {
    key = options_.names.Key(folder, options_.incarnation, options_.attempt, writer.value,
                             epoch, ordinal);
  }
  began = true;
  auto upload = std::make_shared<Upload>(shared_from_this(), key);
  std::lock_guard lock(mutex_);
  uploads_[std::move(key)] = upload;
  return upload;
}

Result<bool> Uploads::Takes(const Waker& waker) {
  std::lock_guard lock(mutex_);
  ARROW_RETURN_NOT_OK(failed_);
  if (waiting_ < kMostWaiting && (waiting_ == 0 || !options_.memory->pressed()))
    return true;
  wakers_.push_back(waker);
  return false;
}

std::string Uploads::TokenOf(const Parts& parts, bool last) {
  UploadToken out;
  out.last = last;
  std::lock_guard lock(mutex_);
  for (const auto& part : parts) {
    auto& upload = static_cast<Upload&>(*part);
    upload.prepared = true;
    out.objects.push_back({upload.key, upload.id, upload.size, upload.etags});
  }
  return out.Encode();
}

void Uploads::Completed(const std::string& key) {
  std::lock_guard lock(mutex_);
  uploads_.erase(key);
}

Result<int64_t> Uploads::Abort(bool spare_prepared) {
  std::vector<std::pair<std::string, std::string>> begun;
  {
    std::lock_guard lock(mutex_);
    for (auto at = uploads_.begin(); at != uploads_.end();) {
      Upload& upload = *at->second;
      if (spare_prepared && upload.prepared) {
        ++at;
        continue;
      }
      if (!upload.id.empty()) begun.emplace_back(upload.key, upload.id);
      at = uploads_.erase(at);
    }
  }
  Status status;
  for (const auto& [key, id] : begun) {
    status &= options_.access->store().AbortUpload(key, id);
  }
  ARROW_RETURN_NOT_OK(status);
  return static_cast<int64_t>(begun.size());
}

void Uploads::Enqueue(Job job) {
  {
    std::lock_guard lock(mutex_);
    Upload& upload = *job.upload;
    ++waiting_;
    ++upload.left;
    if (job.number > 1 && upload.id.empty() && upload.failed.ok()) {
      upload.held.push_back(std::move(job));
    } else {
      ready_.push_back(std::move(job));
    }
  }
  Pump();
}

void Uploads::Pump() {
  for (;;) {
    Job job;
    {
      std::lock_guard lock(mutex_);
      if (ready_.empty() || running_ == kMostRunning) return;
      ++running_;
      job = std::move(ready_.front());
      ready_.pop_front();
    }
    if (options_.executor == nullptr) {
      Run(std::move(job));
    } else {
      options_.executor->Submit(
          [self = shared_from_this(), job = std::move(job)]() mutable {
            self->Run(std::move(job));
          });
    }
  }
}

void Uploads::Run(Job job) {
  Status status = errors::kCancelled.Make({}, "");
  if (options_.access->Enter()) {
    status = Send(job);
    job.bytes.reset();
    options_.access->Leave();
  }
  job.bytes.reset();
  const std::shared_ptr<Upload> upload = std::move(job.upload);
  std::vector<Waker> wakers;
  bool ended = false;
  Status outcome;
  {
    std::lock_guard lock(mutex_);
    --running_;
    --waiting_;
    --upload->left;
    if (!status.ok()) {
      if (upload->failed.ok()) upload->failed = status;
      // Whom nobody wants any more did not fail.
      if (failed_.ok() && !status.IsCancelled()) failed_ = status;
    }
    // Held ones go on, or come to their end in the same way.
    std::move(upload->held.begin(), upload->held.end(), std::back_inserter(ready_));
    upload->held.clear();
    ended = upload->ended();
    outcome = upload->failed;
    wakers.swap(wakers_);
  }
  if (ended) upload->done.MarkFinished(outcome);
  for (const Waker& waker : wakers) waker.Wake();
  Pump();
}

Status Uploads::Send(const Job& job) {
  Upload& upload = *job.upload;
  std::string id;
  {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(upload.failed);
    id = upload.id;
  }
  io::ObjectStore& store = options_.access->store();
  if (id.empty()) {
    ARROW_RETURN_NOT_OK(failpoint::Reach("objects.begin"));
    ARROW_ASSIGN_OR_RAISE(id, store.BeginUpload(upload.key));
    ARROW_RETURN_NOT_OK(failpoint::Reach("objects.begun"));
    std::lock_guard lock(mutex_);
    upload.id = id;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(job.bytes->data()),
                               static_cast<size_t>(job.bytes->size()));
  ARROW_ASSIGN_OR_RAISE(std::string etag,
                        store.UploadPart(upload.key, id, job.number, bytes));
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.part"));
  std::lock_guard lock(mutex_);
  if (upload.etags.size() < static_cast<size_t>(job.number)) {
    upload.etags.resize(job.number);
  }
  upload.etags[job.number - 1] = std::move(etag);
  return Status::OK();
}

}  // namespace millrace::files
