// A bucket in memory, with the faults of real ones.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "millrace/io/errors.h"
#include "millrace/io/object_store/object_store.h"

namespace millrace::connector::testkit {

/// What several stores share. ETags name the content, as those of S3 do. Thread-safe.
struct BucketContent {
  struct Upload {
    std::string key;
    std::map<int, std::string> parts;
  };
  std::mutex mutex;
  std::map<std::string, std::string> objects;
  std::map<std::string, Upload> uploads;
  int64_t ids = 0;
};

/// How conditions of puts are taken.
enum class Conditions { kKept, kPassedOver, kRefused };

/// One process's view of a bucket. Thread-safe.
class MemoryBucket final : public io::ObjectStore {
 public:
  explicit MemoryBucket(std::shared_ptr<BucketContent> content,
                        Conditions conditions = Conditions::kKept)
      : content_(std::move(content)), conditions_(conditions) {}

  /// The n-th change from here and all after it do not happen.
  void DieAfter(int64_t changes) { left_ = changes; }
  bool dead() const { return left_ < 0; }
  /// The next change happens, but its answer is lost.
  void LoseAnAnswer() { lose_ = true; }

  const std::string& root() const override { return root_; }

  Result<io::ObjectInfo> Head(const std::string& key) override {
    std::lock_guard lock(content_->mutex);
    return InfoOf(key);
  }
  Status Get(const std::string& key, int64_t offset, int64_t length, const std::string&,
             uint8_t* out) override {
    std::lock_guard lock(content_->mutex);
    ARROW_RETURN_NOT_OK(InfoOf(key).status());
    const std::string& bytes = content_->objects[key];
    if (offset + length > static_cast<int64_t>(bytes.size()))
      return errors::kObjectChanged.Make({.file = key}, "");
    bytes.copy(reinterpret_cast<char*>(out), static_cast<size_t>(length),
               static_cast<size_t>(offset));
    return Status::OK();
  }
  Result<std::string> GetAll(const std::string& key, int64_t,
                             io::ObjectInfo* info) override {
    std::lock_guard lock(content_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto found, InfoOf(key));
    if (info != nullptr) *info = found;
    return content_->objects[key];
  }
  Status List(const std::string& prefix, const std::string& delimiter,
              const std::function<Result<bool>(const io::ObjectPage&)>& page) override {
    io::ObjectPage out;
    {
      std::lock_guard lock(content_->mutex);
      for (const auto& [key, bytes] : content_->objects) {
        if (!key.starts_with(prefix)) continue;
        const size_t end =
            delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
        if (end == std::string::npos) {
          out.objects.push_back(*InfoOf(key));
        } else if (const std::string folder = key.substr(0, end + 1);
                   out.prefixes.empty() || out.prefixes.back() != folder) {
          out.prefixes.push_back(folder);
        }
      }
    }
    return page(out).status();
  }

  Result<std::string> Put(const std::string& key, std::string_view bytes,
                          const io::PutCondition& condition) override {
    const bool conditional = condition.if_absent || !condition.if_match.empty();
    if (conditional && conditions_ == Conditions::kRefused)
      return errors::kRequestRefused.Make({.file = key}, "NotImplemented (501)");
    std::lock_guard lock(content_->mutex);
    if (conditional && conditions_ == Conditions::kKept) {
      const auto now = InfoOf(key);
      if (condition.if_absent ? now.ok() : !now.ok())
        return now.ok() ? errors::kNotAsExpected.Make({.file = key}, "") : now.status();
      if (!condition.if_absent && now->etag != condition.if_match)
        return errors::kNotAsExpected.Make({.file = key}, "");
    }
    ARROW_RETURN_NOT_OK(Change([&] { content_->objects[key] = bytes; }));
    return EtagOf(std::string(bytes));
  }
  Status Delete(const std::vector<std::string>& keys) override {
    std::lock_guard lock(content_->mutex);
    for (const std::string& key : keys)
      ARROW_RETURN_NOT_OK(Change([&] { content_->objects.erase(key); }));
    return Status::OK();
  }
  Status DeleteIf(const std::string& key, const std::string& etag) override {
    std::lock_guard lock(content_->mutex);
    const auto now = InfoOf(key);
    if (!now.ok()) return Status::OK();
    if (now->etag != etag) return errors::kNotAsExpected.Make({.file = key}, "");
    return Change([&] { content_->objects.erase(key); });
  }

  Result<std::string> BeginUpload(const std::string& key) override {
    std::lock_guard lock(content_->mutex);
    const std::string id = std::to_string(++content_->ids);
    ARROW_RETURN_NOT_OK(Change([&] { content_->uploads[id].key = key; }));
    return id;
  }
  Result<std::string> UploadPart(const std::string&, const std::string& id, int number,
                                 std::string_view bytes) override {
    std::lock_guard lock(content_->mutex);
    ARROW_RETURN_NOT_OK(Change([&] { content_->uploads[id].parts[number] = bytes; }));
    return EtagOf(std::string(bytes));
  }
  Result<std::string> CompleteUpload(const std::string& key, const std::string& id,
                                     const std::vector<io::UploadedPart>& parts,
                                     int64_t size) override {
    std::lock_guard lock(content_->mutex);
    std::string whole;
    for (const io::UploadedPart& part : parts)
      whole += content_->uploads[id].parts[part.number];
    if (static_cast<int64_t>(whole.size()) != size)
      return errors::kNoSuchUpload.Make({.file = key}, "");
    const std::string etag = EtagOf(whole);
    ARROW_RETURN_NOT_OK(Change([&] {
      content_->objects[key] = std::move(whole);
      content_->uploads.erase(id);
    }));
    return etag;
  }
  Status AbortUpload(const std::string&, const std::string& id) override {
    std::lock_guard lock(content_->mutex);
    return Change([&] { content_->uploads.erase(id); });
  }
  Result<std::vector<io::PendingUpload>> ListUploads(const std::string& prefix) override {
    std::lock_guard lock(content_->mutex);
    std::vector<io::PendingUpload> out;
    for (const auto& [id, upload] : content_->uploads) {
      if (upload.key.starts_with(prefix)) out.push_back({upload.key, id, 0});
    }
    return out;
  }

 private:
  static std::string EtagOf(const std::string& bytes) {
    return fmt::format("{:032x}", std::hash<std::string>()(bytes));
  }
  // Under the mutex.
  Result<io::ObjectInfo> InfoOf(const std::string& key) const {
    const auto found = content_->objects.find(key);
    if (found == content_->objects.end())
      return errors::kFileNotFound.Make({.file = key}, "");
    io::ObjectInfo out;
    out.key = key;
    out.size = static_cast<int64_t>(found->second.size());
    out.etag = EtagOf(found->second);
    return out;
  }
  template <typename F>
  Status Change(const F& change) {
    if (left_.load() >= 0) --left_;
    if (left_.load() < 0) return errors::kNetwork.Make({}, "it is dead");
    change();
    return lose_.exchange(false) ? errors::kNetwork.Make({}, "no answer") : Status::OK();
  }

  const std::string root_ = "s3://bucket/";
  const std::shared_ptr<BucketContent> content_;
  const Conditions conditions_;
  std::atomic<int64_t> left_{int64_t{1} << 40};
  std::atomic<bool> lose_{false};
};

}  // namespace millrace::connector::testkit
