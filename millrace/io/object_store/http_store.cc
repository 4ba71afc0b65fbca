#include "millrace/io/object_store/http_store.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "millrace/io/errors.h"

namespace millrace::io {

namespace {

int64_t SizeIn(std::string_view text) {
  int64_t size = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  return error == std::errc() && end == text.data() + text.size() ? size : -1;
}

class HttpStore final : public ObjectStore {
 public:
  HttpStore(std::string root, std::shared_ptr<RetryingClient> client)
      : root_(std::move(root)), client_(std::move(client)) {}

  const std::string& root() const override { return root_; }
  bool can_list() const override { return false; }

  // One byte is asked for instead of none: that tells whether the server gives parts, and
  // addresses that were signed for GET refuse HEAD.
  Result<ObjectInfo> Head(const std::string& key) override {
    uint8_t byte = 0;
    HttpRequest request = RequestOf(key);
    request.range_length = 1;
    request.into = &byte;
    request.into_size = 1;
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Ask(request));
    ObjectInfo info;
    info.key = key;
    const std::string* range = response.Header("content-range");
    const std::string* size = response.Header("content-length");
    // An empty file has no first byte.
    const bool empty =
        response.status == 416 && range != nullptr && range->ends_with("/0");
    if (!response.ok() && !empty) return ErrorOf(key, response);
    if (response.status == 206 && range != nullptr) {
      const size_t slash = range->find('/');
      info.size = slash == range->npos ? -1 : SizeIn(range->substr(slash + 1));
    } else if (!empty) {
      info.whole_only = true;
      info.size = size == nullptr ? -1 : SizeIn(*size);
    }
    if (info.size < 0) return errors::kNoRanges.Make({.file = ShownUrl(root_ + key)}, "");
    info.etag = VersionOf(response);
    if (const std::string* modified = response.Header("last-modified"))
      info.modified_micros = std::max<int64_t>(ParseHttpDate(*modified), 0);
    return info;
  }

  Status Get(const std::string& key, int64_t offset, int64_t length,
             const std::string& etag, uint8_t* out) override {
    if (length == 0) return Status::OK();
    HttpRequest request = RequestOf(key);
    request.range_offset = offset;
    request.range_length = length;
    request.into = out;
    request.into_size = length;
    ARROW_ASSIGN_OR_RAISE(HttpResponse response, Ask(request));
    if (response.range_ignored && offset == 0) {
      // Whoever asks for the beginning of a file without parts wants all of it.
      request.range_length = 0;
      ARROW_ASSIGN_OR_RAISE(response, Ask(request));
    }
    const Where where{.file = ShownUrl(root_ + key), .byte = offset};
    if (response.status == 416) return errors::kObjectChanged.Make(where, "");
    if (!response.ok()) return ErrorOf(key, response);
    if (response.range_ignored) return errors::kNoRanges.Make(where, "");
    if (!etag.empty() && VersionOf(response) != etag)
      return errors::kObjectChanged.Make(where, "");
    const std::string* range = response.Header("content-range");
    if (response.received != length ||
        (range != nullptr && !range->starts_with(fmt::format("bytes {}-", offset)))) {
      return errors::kNetwork.Make(where, "{} of {} bytes came", response.received,
                                   length);
    }
    return Status::OK();
  }

  Result<std::string> GetAll(const std::string& key, int64_t max_size,
                             ObjectInfo* info) override {
    if (info != nullptr) {
      ARROW_ASSIGN_OR_RAISE(*info, Head(key));
    }
    HttpRequest request = RequestOf(key);
    request.max_body = max_size;
    ARROW_ASSIGN_OR_RAISE(HttpResponse response, Ask(request));
    if (!response.ok()) return ErrorOf(key, response);
    return std::move(response.body);
  }

  Status List(const std::string& prefix, const std::string&,
              const std::function<Result<bool>(const ObjectPage&)>&) override {
    return Refuse(prefix);
  }
  Result<std::string> Put(const std::string& key, std::string_view,
                          const PutCondition&) override {
    return Refuse(key);
  }
  Status Delete(const std::vector<std::string>& keys) override {
    return keys.empty() ? Status::OK() : Refuse(keys.front());
  }
  Status DeleteIf(const std::string& key, const std::string&) override {
    return Delete({key});
  }
  Result<std::string> BeginUpload(const std::string& key) override { return Refuse(key); }
  Result<std::string> UploadPart(const std::string& key, const std::string&, int,
                                 std::string_view) override {
    return Refuse(key);
  }
  Result<std::string> CompleteUpload(const std::string& key, const std::string&,
                                     const std::vector<UploadedPart>&, int64_t) override {
    return Refuse(key);
  }
  Status AbortUpload(const std::string& key, const std::string&) override {
    return Refuse(key);
  }
  Result<std::vector<PendingUpload>> ListUploads(const std::string& prefix) override {
    return Refuse(prefix);
  }

 private:
  HttpRequest RequestOf(const std::string& key) const {
    return {.url = root_ + key, .follow_redirects = true};
  }
  Result<HttpResponse> Ask(const HttpRequest& request) {
    return client_->Send([&] { return Result<HttpRequest>(request); });
  }
  Status Refuse(const std::string& key) const {
    return errors::kReadOnlyFiles.Make({.file = ShownUrl(root_ + key)}, "");
  }

  // A weak ETag or a date tell less, but more than nothing.
  static std::string VersionOf(const HttpResponse& response) {
    if (const std::string* etag = response.Header("etag")) return *etag;
    const std::string* modified = response.Header("last-modified");
    return modified == nullptr ? "" : *modified;
  }

  Status ErrorOf(const std::string& key, const HttpResponse& response) const {
    const int status = response.status;
    const ErrorSpec& spec = status == 404 || status == 410   ? errors::kFileNotFound
                            : status == 401 || status == 403 ? errors::kAccessDenied
                            : status >= 500 || status == 429 || status == 408
                                ? errors::kServerBusy
                                : errors::kRequestRefused;
    return spec.Make({.file = ShownUrl(root_ + key)}, "status {}", status);
  }

  const std::string root_;
  const std::shared_ptr<RetryingClient> client_;
};

}  // namespace

std::shared_ptr<ObjectStore> MakeHttpStore(std::string root,
                                           std::shared_ptr<RetryingClient> client) {
  return std::make_shared<HttpStore>(std::move(root), std::move(client));
}

}  // namespace millrace::io
