#include "millrace/state/object_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <arrow/buffer_builder.h>

#include "millrace/base/error.h"

namespace millrace::state {

namespace {

constexpr int64_t kPart = 8 << 20;
// A store takes 10,000 parts: they grow with what came before.
constexpr int64_t kGrowth = 1000;

class ObjectFile final : public io::WritableFile {
 public:
  ObjectFile(std::shared_ptr<connector::StoreAccess> access, std::string key,
             arrow::MemoryPool* pool)
      : access_(std::move(access)), key_(std::move(key)), waiting_(pool) {}
  ~ObjectFile() override {
    if (upload_.empty() || !access_->Enter()) return;
    // Otherwise the pipeline's next run does it.
    (void)access_->store().AbortUpload(key_, upload_);
    access_->Leave();
  }

  Status Write(const void* data, int64_t size) override {
    const auto* bytes = static_cast<const uint8_t*>(data);
    while (size > 0) {
      const int64_t part = std::max(kPart, sent_ / kGrowth);
      const int64_t now = std::min(size, part - waiting_.length());
      ARROW_RETURN_NOT_OK(waiting_.Append(bytes, now));
      bytes += now;
      size -= now;
      position_ += now;
      if (waiting_.length() >= part) ARROW_RETURN_NOT_OK(Inside(&ObjectFile::SendPart));
    }
    return Status::OK();
  }
  // Durable is the object, and that is whole.
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Inside(&ObjectFile::Finish); }
  int64_t position() const override { return position_; }

 private:
  Status Inside(Status (ObjectFile::*work)()) {
    if (!access_->Enter()) return errors::kCancelled.Make({}, "");
    Status status = (this->*work)();
    access_->Leave();
    return status;
  }
  std::string_view Waiting() const {
    return {reinterpret_cast<const char*>(waiting_.data()),
            static_cast<size_t>(waiting_.length())};
  }

  Status SendPart() {
    io::ObjectStore& store = access_->store();
    if (upload_.empty()) {
      ARROW_ASSIGN_OR_RAISE(upload_, store.BeginUpload(key_));
    }
    const int number = static_cast<int>(parts_.size()) + 1;
    ARROW_ASSIGN_OR_RAISE(std::string etag,
                          store.UploadPart(key_, upload_, number, Waiting()));
    parts_.push_back({number, std::move(etag)});
    sent_ += waiting_.length();
    waiting_.Rewind(0);
    return Status::OK();
  }

  Status Finish() {
    io::ObjectStore& store = access_->store();
    if (upload_.empty()) return store.Put(key_, Waiting(), {}).status();
    if (waiting_.length() > 0) ARROW_RETURN_NOT_OK(SendPart());
    ARROW_RETURN_NOT_OK(store.CompleteUpload(key_, upload_, parts_, sent_).status());
    upload_.clear();
    return Status::OK();
  }

  const std::shared_ptr<connector::StoreAccess> access_;
  const std::string key_;
  arrow::BufferBuilder waiting_;
  int64_t position_ = 0;
  int64_t sent_ = 0;
  std::string upload_;
  std::vector<io::UploadedPart> parts_;
};

}  // namespace

std::unique_ptr<io::WritableFile> MakeObjectFile(
    std::shared_ptr<connector::StoreAccess> access, std::string key,
    arrow::MemoryPool* pool) {
  return std::make_unique<ObjectFile>(std::move(access), std::move(key), pool);
}

}  // namespace millrace::state
