#include "millrace/io/object_store/s3_store.h"

#include <ctime>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "millrace/io/errors.h"
#include "millrace/io/object_store/sigv4.h"
#include "millrace/io/object_store/xml.h"

namespace millrace::io {

namespace {

constexpr size_t kKeysPerDelete = 1000;
constexpr size_t kShownBytes = 300;

int64_t ToNumber(const std::string& text) {
  int64_t number = -1;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

std::string Unquoted(std::string etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    return etag.substr(1, etag.size() - 2);
  return etag;
}

std::string Quoted(const std::string& etag) {
  return etag.starts_with("W/") ? etag : "\"" + etag + "\"";
}

struct StoreError {
  std::string code;
  std::string message;
};

// What an answer's <Error> says, also that of an answer with status 200.
StoreError ErrorIn(const HttpResponse& response) {
  if (response.body.find("<Error") == std::string::npos) return {};
  const auto root = ParseXml(response.body);
  if (!root.ok()) return {};
  const XmlElement* error =
      root->name == "Error" ? &*root : root->Child("Error");  // of IAM's kind
  if (error == nullptr) return {};
  return {error->TextOf("Code"), error->TextOf("Message").substr(0, kShownBytes)};
}

bool IsPassingCode(const std::string& code) {
  static const std::set<std::string> codes = {
      "SlowDown",           "RequestTimeout",   "InternalError",
      "ServiceUnavailable", "OperationAborted", "ConditionalRequestConflict",
      "Throttling",         "RequestThrottled"};
  return codes.contains(code);
}

bool IsExpired(const std::string& code) {
  return code == "ExpiredToken" || code == "TokenRefreshRequired" ||
         code == "ExpiredTokenException" || code == "InvalidToken";
}

bool IsBadCredentials(const std::string& code) {
  static const std::set<std::string> codes = {
      "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed",
      "AuthFailure",        "InvalidSecurity",       "UnrecognizedClientException"};
  return IsExpired(code) || codes.contains(code);
}

// What XML 1.0 can't hold at all.
bool HasControl(const std::string& key) {
  return std::any_of(key.begin(), key.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

// 32 digits, a dash and the count of parts: as S3 names what was uploaded in parts.
bool IsUploadEtag(const std::string& etag) {
  return etag.size() > 33 && etag[32] == '-' &&
         etag.find_first_not_of("0123456789abcdef") == 32 &&
         etag.find_first_not_of("0123456789", 33) == std::string::npos;
}

struct Call {
  std::string method = "GET";
  std::string key;
  QueryItems query;
  HttpHeaders headers;  // signed
  HttpHeaders unsigned_headers;
  std::string_view body;
  int64_t offset = 0, length = 0;
  uint8_t* into = nullptr;
  int64_t max_body = 64 << 20;
  int tries = 0;  // how often it was sent
};

class S3Store final : public ObjectStore {
 public:
  S3Store(S3Settings settings, std::shared_ptr<RetryingClient> client,
          std::shared_ptr<CredentialsProvider> credentials)
      : settings_(std::move(settings)),
        client_(std::move(client)),
        credentials_(std::move(credentials)),
        root_("s3://" + settings_.bucket + "/"),
        region_(settings_.region) {}

  const std::string& root() const override { return root_; }

  Result<ObjectInfo> Head(const std::string& key) override {
    Call call{.method = "HEAD", .key = key};
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
    if (!response.ok()) return ErrorOf(call, response);
    return InfoOf(key, response);
  }

  Status Get(const std::string& key, int64_t offset, int64_t length,
             const std::string& etag, uint8_t* out) override {
    if (length == 0) return Status::OK();
    Call call{.key = key, .offset = offset, .length = length, .into = out};
    if (!etag.empty()) call.unsigned_headers.emplace_back("If-Match", Quoted(etag));
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
    if (!response.ok()) return ErrorOf(call, response);
    const Where where{.file = root_ + key, .byte = offset};
    if (response.range_ignored) return errors::kNoRanges.Make(where, "");
    const std::string* now = response.Header("etag");
    if (!etag.empty() && now != nullptr && Unquoted(*now) != etag)
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
    Call call{.key = key, .max_body = max_size};
    ARROW_ASSIGN_OR_RAISE(HttpResponse response, Send(&call));
    if (!response.ok()) return ErrorOf(call, response);
    if (info != nullptr) {
      ARROW_ASSIGN_OR_RAISE(*info, InfoOf(key, response));
    }
    return std::move(response.body);
  }

  Status List(const std::string& prefix, const std::string& delimiter,
              const std::function<Result<bool>(const ObjectPage&)>& page) override {
    std::string token;
    for (;;) {
      Call call;
      call.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix}};
      if (!delimiter.empty()) call.query.emplace_back("delimiter", delimiter);
      if (!token.empty()) call.query.emplace_back("continuation-token", token);
      ARROW_ASSIGN_OR_RAISE(const XmlElement root, SendForXml(&call, "ListBucketResult"));
      const bool escaped = root.TextOf("EncodingType") == "url";
      auto plain = [escaped](const std::string& text) {
        return escaped ? UrlUnescaped(text, /*plus=*/true) : text;
      };
      ObjectPage out;
      for (const XmlElement& child : root.children) {
        if (child.name == "Contents") {
          ObjectInfo info;
          info.key = plain(child.TextOf("Key"));
          info.size = ToNumber(child.TextOf("Size"));
          info.etag = Unquoted(child.TextOf("ETag"));
          info.modified_micros = ParseIsoSeconds(child.TextOf("LastModified"));
          if (info.key.empty() || info.size < 0) {
            return errors::kUnknownAnswer.Make({.file = root_ + prefix},
                                               "an entry has no key or no size");
          }
          out.objects.push_back(std::move(info));
        } else if (child.name == "CommonPrefixes") {
          out.prefixes.push_back(plain(child.TextOf("Prefix")));
        }
      }
      ARROW_ASSIGN_OR_RAISE(const bool on, page(out));
      if (!on || root.TextOf("IsTruncated") != "true") return Status::OK();
      std::string next = root.TextOf("NextContinuationToken");
      if (next.empty() || next == token) {
        return errors::kUnknownAnswer.Make({.file = root_ + prefix},
                                           "a listing does not tell where it goes on");
      }
      token = std::move(next);
    }
  }

  Result<std::string> Put(const std::string& key, std::string_view bytes,
                          const PutCondition& condition) override {
    Call call{.method = "PUT", .key = key, .headers = Encryption(), .body = bytes};
    if (condition.if_absent) call.unsigned_headers.emplace_back("If-None-Match", "*");
    if (!condition.if_match.empty())
      call.unsigned_headers.emplace_back("If-Match", Quoted(condition.if_match));
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
    if (response.ok()) return EtagOf(response);
    if (response.status == 412 && call.tries > 1) {
      // The first try may have arrived though its answer did not.
      ObjectInfo info;
      const auto there = GetAll(key, static_cast<int64_t>(bytes.size()), &info);
      if (there.ok() && *there == bytes) return info.etag;
    }
    return ErrorOf(call, response);
  }

  Status Delete(const std::vector<std::string>& keys) override {
    std::vector<std::string> plain;
    for (const std::string& key : keys) {
      if (!HasControl(key)) {
        plain.push_back(key);
        continue;
      }
      Call call{.method = "DELETE", .key = key};
      ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
      if (!response.ok() && response.status != 404) return ErrorOf(call, response);
    }
    for (size_t at = 0; at < plain.size(); at += kKeysPerDelete) {
      std::string body =
          "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
          "<Quiet>true</Quiet>";
      for (size_t i = at; i < std::min(plain.size(), at + kKeysPerDelete); ++i)
        body += "<Object><Key>" + XmlEscaped(plain[i]) + "</Key></Object>";
      body += "</Delete>";
      Call call{.method = "POST", .query = {{"delete", ""}}, .body = body};
      call.headers = {{"content-md5", Base64(Md5(body))},
                      {"content-type", "application/xml"}};
      ARROW_ASSIGN_OR_RAISE(const XmlElement root, SendForXml(&call, "DeleteResult"));
      if (const XmlElement* error = root.Child("Error")) {
        const Where where{.file = root_ + error->TextOf("Key")};
        const std::string code = error->TextOf("Code");
        const ErrorSpec& spec = code == "AccessDenied" ? errors::kAccessDenied
                                : IsPassingCode(code)  ? errors::kServerBusy
                                                       : errors::kRequestRefused;
        return spec.Make(where, "{}", code);
      }
    }
    return Status::OK();
  }

  Status DeleteIf(const std::string& key, const std::string& etag) override {
    Call call{.method = "DELETE", .key = key};
    call.unsigned_headers.emplace_back("If-Match", Quoted(etag));
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
    if (response.ok() || response.status == 404) return Status::OK();
    if (response.status == 501) return Delete({key});
    return ErrorOf(call, response);
  }

  Result<std::string> BeginUpload(const std::string& key) override {
    Call call{.method = "POST",
              .key = key,
              .query = {{"uploads", ""}},
              .headers = Encryption()};
    ARROW_ASSIGN_OR_RAISE(const XmlElement root,
                          SendForXml(&call, "InitiateMultipartUploadResult"));
    std::string id = root.TextOf("UploadId");
    if (id.empty())
      return errors::kUnknownAnswer.Make({.file = root_ + key}, "an upload has no id");
    return id;
  }

  Result<std::string> UploadPart(const std::string& key, const std::string& id,
                                 int number, std::string_view bytes) override {
    Call call{.method = "PUT",
              .key = key,
              .query = {{"partNumber", std::to_string(number)}, {"uploadId", id}},
              .body = bytes};
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
    if (!response.ok()) return ErrorOf(call, response);
    return EtagOf(response);
  }

  Result<std::string> CompleteUpload(const std::string& key, const std::string& id,
                                     const std::vector<UploadedPart>& parts,
                                     int64_t size) override {
    std::string body =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (const UploadedPart& part : parts) {
      body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>",
                          part.number, XmlEscaped(Quoted(part.etag)));
    }
    body += "</CompleteMultipartUpload>";
    Call call{.method = "POST", .key = key, .query = {{"uploadId", id}}, .body = body};
    call.headers = {{"content-type", "application/xml"}};
    auto done = SendForXml(&call, "CompleteMultipartUploadResult");
    const std::string expected = UploadEtag(parts);
    if (!done.ok() && ErrorNumber(done.status()) != errors::kNoSuchUpload.number)
      return done.status();
    // Completed by an earlier try, or gone: the object tells. It is asked after a
    // success, too: some stores answer one for an upload that is gone, whatever the
    // object is.
    const Status gone = done.ok()
                            ? errors::kNoSuchUpload.Make({.file = root_ + key},
                                                         "the object is another one")
                            : done.status();
    ARROW_ASSIGN_OR_RAISE(const ObjectInfo info, HeadOrAbsent(key, gone));
    const bool comparable = !expected.empty() && IsUploadEtag(info.etag) &&
                            !settings_.sse.starts_with("aws:");
    // Encrypted by KMS, parts have no MD5s, but the count of parts stays behind the dash.
    const bool same =
        comparable ? info.etag == expected
                   : done.ok() || info.etag.ends_with(fmt::format("-{}", parts.size()));
    return same && info.size == size ? Result<std::string>(info.etag) : gone;
  }

  Status AbortUpload(const std::string& key, const std::string& id) override {
    Call call{.method = "DELETE", .key = key, .query = {{"uploadId", id}}};
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(&call));
    if (response.ok()) return Status::OK();
    const Status status = ErrorOf(call, response);
    const bool gone = ErrorNumber(status) == errors::kNoSuchUpload.number;
    return gone ? Status::OK() : status;
  }

  Result<std::vector<PendingUpload>> ListUploads(const std::string& prefix) override {
    std::vector<PendingUpload> out;
    std::string key_marker, id_marker;
    for (;;) {
      Call call;
      call.query = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", prefix}};
      if (!key_marker.empty()) call.query.emplace_back("key-marker", key_marker);
      if (!id_marker.empty()) call.query.emplace_back("upload-id-marker", id_marker);
      ARROW_ASSIGN_OR_RAISE(const XmlElement root,
                            SendForXml(&call, "ListMultipartUploadsResult"));
      const bool escaped = root.TextOf("EncodingType") == "url";
      auto plain = [escaped](const std::string& text) {
        return escaped ? UrlUnescaped(text, /*plus=*/true) : text;
      };
      for (const XmlElement& child : root.children) {
        if (child.name != "Upload") continue;
        out.push_back({plain(child.TextOf("Key")), child.TextOf("UploadId"),
                       ParseIsoSeconds(child.TextOf("Initiated"))});
      }
      if (root.TextOf("IsTruncated") != "true") return out;
      std::string key = plain(root.TextOf("NextKeyMarker"));
      std::string id = root.TextOf("NextUploadIdMarker");
      if (key.empty() || (key == key_marker && id == id_marker)) {
        return errors::kUnknownAnswer.Make({.file = root_ + prefix},
                                           "a listing does not tell where it goes on");
      }
      key_marker = std::move(key);
      id_marker = std::move(id);
    }
  }

 private:
  HttpHeaders Encryption() const {
    HttpHeaders out;
    if (!settings_.sse.empty())
      out.emplace_back("x-amz-server-side-encryption", settings_.sse);
    if (!settings_.kms_key_id.empty())
      out.emplace_back("x-amz-server-side-encryption-aws-kms-key-id",
                       settings_.kms_key_id);
    return out;
  }

  Result<ObjectInfo> HeadOrAbsent(const std::string& key, const Status& absent) {
    auto info = Head(key);
    if (ErrorNumber(info.status()) == errors::kFileNotFound.number) return absent;
    return info;
  }

  static Result<std::string> EtagOf(const HttpResponse& response) {
    const std::string* etag = response.Header("etag");
    if (etag == nullptr) return errors::kUnknownAnswer.Make({}, "no ETag");
    return Unquoted(*etag);
  }

  Result<ObjectInfo> InfoOf(const std::string& key, const HttpResponse& response) const {
    const std::string* size = response.Header("content-length");
    const std::string* etag = response.Header("etag");
    const std::string* modified = response.Header("last-modified");
    ObjectInfo info;
    info.key = key;
    info.size = size == nullptr ? -1 : ToNumber(*size);
    if (info.size < 0)
      return errors::kUnknownAnswer.Make({.file = root_ + key}, "no size");
    if (etag != nullptr) info.etag = Unquoted(*etag);
    if (modified != nullptr)
      info.modified_micros = std::max<int64_t>(ParseHttpDate(*modified), 0);
    return info;
  }

  // scheme, host with port, and path of `key`.
  struct Address {
    std::string scheme, host, path;
  };
  Address AddressOf(const std::string& key, const std::string& region) const {
    Address out;
    std::string endpoint = settings_.endpoint;
    if (endpoint.empty()) endpoint = "https://s3." + region + ".amazonaws.com";
    const size_t scheme = endpoint.find("://");
    out.scheme = endpoint.substr(0, scheme);
    out.host = endpoint.substr(scheme + 3);
    while (out.host.ends_with('/')) out.host.pop_back();
    const size_t slash = std::min(out.host.find('/'), out.host.size());
    out.path = out.host.substr(slash);
    out.host.resize(slash);
    // Browsers leave these out of Host, and so does libcurl.
    if (out.scheme == "https" && out.host.ends_with(":443"))
      out.host.resize(out.host.size() - 4);
    if (out.scheme == "http" && out.host.ends_with(":80"))
      out.host.resize(out.host.size() - 3);
    if (settings_.path_style) {
      out.path += "/" + UrlEscaped(settings_.bucket, false);
    } else {
      out.host = settings_.bucket + "." + out.host;
    }
    out.path += "/" + UrlEscaped(key, /*keep_slash=*/true);
    if (key.empty() && settings_.path_style) out.path.pop_back();
    return out;
  }

  std::string region() {
    std::lock_guard lock(mutex_);
    return region_;
  }

  Result<HttpRequest> Signed(const Call& call, Credentials* used) {
    ARROW_ASSIGN_OR_RAISE(*used, credentials_->Get());
    const std::string region = this->region();
    const Address address = AddressOf(call.key, region);
    SignedRequest to_sign;
    to_sign.method = call.method;
    to_sign.path = address.path;
    to_sign.query = call.query;
    to_sign.headers = call.headers;
    to_sign.headers.emplace_back("host", address.host);
    // TLS protects the bytes already.
    to_sign.payload_hash = address.scheme == "https" && !call.body.empty()
                               ? "UNSIGNED-PAYLOAD"
                               : Sha256Hex(call.body);
    to_sign.headers.emplace_back("x-amz-content-sha256", to_sign.payload_hash);
    Sign(*used, {region, "s3"}, client_->clock().WallMicros(), &to_sign);
    HttpRequest request;
    request.method = call.method;
    request.url = address.scheme + "://" + address.host + address.path;
    if (!call.query.empty()) request.url += "?" + QueryText(call.query);
    request.headers = std::move(to_sign.headers);
    std::erase_if(request.headers, [](const auto& h) { return h.first == "host"; });
    request.headers.insert(request.headers.end(), call.unsigned_headers.begin(),
                           call.unsigned_headers.end());
    request.body = call.body;
    request.range_offset = call.offset;
    request.range_length = call.length;
    request.into = call.into;
    request.into_size = call.length;
    request.max_body = call.max_body;
    return request;
  }

  Result<HttpResponse> Send(Call* call) {
    bool refreshed = false, moved = false;
    for (;;) {
      Credentials used;
      auto make = [&]() -> Result<HttpRequest> {
        ++call->tries;
        return Signed(*call, &used);
      };
      auto again = [](const HttpResponse& response) {
        return IsPassingCode(ErrorIn(response).code);
      };
      auto sent = client_->Send(make, again);
      if (!sent.ok()) return WithWhere(sent.status(), {.file = root_ + call->key});
      HttpResponse response = std::move(*sent);
      if (response.ok()) return response;
      // The answer to HEAD has no body to say why.
      const std::string code = ErrorIn(response).code;
      const bool untold = call->method == "HEAD" && !used.session_token.empty() &&
                          (response.status == 400 || response.status == 403);
      if ((IsExpired(code) || untold) && !refreshed && credentials_->Refused(used)) {
        refreshed = true;
        continue;
      }
      const std::string* elsewhere = response.Header("x-amz-bucket-region");
      if (elsewhere != nullptr && !moved && *elsewhere != region() &&
          (response.status == 301 || response.status == 400)) {
        std::lock_guard lock(mutex_);
        region_ = *elsewhere;
        moved = true;
        continue;
      }
      return response;
    }
  }

  Result<XmlElement> SendForXml(Call* call, std::string_view root_name) {
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, Send(call));
    if (!response.ok()) return ErrorOf(*call, response);
    auto parsed = ParseXml(response.body);
    if (!parsed.ok()) return WithWhere(parsed.status(), {.file = root_ + call->key});
    if (parsed->name == "Error") return ErrorOf(*call, response);
    if (parsed->name != root_name) {
      return errors::kUnknownAnswer.Make({.file = root_ + call->key},
                                         "<{}> instead of <{}>",
                                         parsed->name.substr(0, 100), root_name);
    }
    return parsed;
  }

  Status ErrorOf(const Call& call, const HttpResponse& response) const {
    const StoreError error = ErrorIn(response);
    const Where where{.file = root_ + call.key};
    const std::string text =
        error.code.empty()
            ? fmt::format("status {}", response.status)
            : fmt::format("{} ({}): {}", error.code, response.status, error.message);
    const bool writes = call.method != "GET" && call.method != "HEAD";
    const ErrorSpec* spec = &errors::kRequestRefused;
    if (error.code == "NoSuchBucket") {
      spec = &errors::kNoSuchBucket;
    } else if (error.code == "NoSuchUpload") {
      spec = &errors::kNoSuchUpload;
    } else if (IsBadCredentials(error.code)) {
      spec = &errors::kBadCredentials;
    } else if (response.status == 301 || error.code == "AuthorizationHeaderMalformed" ||
               error.code == "PermanentRedirect") {
      spec = &errors::kWrongRegion;
    } else if (response.status == 404) {
      spec = &errors::kFileNotFound;
    } else if (response.status == 412) {
      spec = writes ? &errors::kNotAsExpected : &errors::kObjectChanged;
    } else if (response.status == 416) {
      spec = &errors::kObjectChanged;  // shorter than it was
    } else if (response.status == 401 || response.status == 403) {
      spec = &errors::kAccessDenied;
    } else if (response.status == 501) {
      spec = &errors::kRequestRefused;
    } else if (response.status >= 500 || response.status == 429 ||
               response.status == 408 || IsPassingCode(error.code)) {
      spec = &errors::kServerBusy;
    }
    return spec->Make(where, "{}", text);
  }

  const S3Settings settings_;
  const std::shared_ptr<RetryingClient> client_;
  const std::shared_ptr<CredentialsProvider> credentials_;
  const std::string root_;
  std::mutex mutex_;
  std::string region_;  // under mutex_; as the store told it
};

}  // namespace

Result<std::shared_ptr<ObjectStore>> MakeS3Store(
    S3Settings settings, std::shared_ptr<RetryingClient> client,
    std::shared_ptr<CredentialsProvider> credentials) {
  const std::string& bucket = settings.bucket;
  const bool named = !bucket.empty() && bucket.size() <= 255 &&
                     std::all_of(bucket.begin(), bucket.end(), [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                              c == '-' || c == '.' || c == '_';
                     });
  if (!named)
    return errors::kBadAddress.Make({.file = "s3://" + bucket}, "no name of a bucket");
  if (!settings.endpoint.empty() && !settings.endpoint.starts_with("http://") &&
      !settings.endpoint.starts_with("https://")) {
    return errors::kStoreOptions.Make(
        {}, "endpoint begins with http:// or https://, '{}' does not",
        ShownUrl(settings.endpoint));
  }
  if (!settings.kms_key_id.empty() && settings.sse != "aws:kms")
    return errors::kStoreOptions.Make({}, "kms_key_id goes with sse 'aws:kms'");
  // No certificate covers a bucket whose name has dots.
  if (bucket.find_first_of("._") != bucket.npos) settings.path_style = true;
  return std::make_shared<S3Store>(std::move(settings), std::move(client),
                                   std::move(credentials));
}

std::string UploadEtag(const std::vector<UploadedPart>& parts) {
  std::string digests;
  for (const UploadedPart& part : parts) {
    if (part.etag.size() != 32) return "";
    for (size_t i = 0; i < 32; i += 2) {
      unsigned byte = 0;
      const auto [end, error] =
          std::from_chars(part.etag.data() + i, part.etag.data() + i + 2, byte, 16);
      if (error != std::errc() || end != part.etag.data() + i + 2) return "";
      digests += static_cast<char>(byte);
    }
  }
  return fmt::format("{}-{}", Hex(Md5(digests)), parts.size());
}

int64_t ParseIsoSeconds(const std::string& text) {
  std::tm time{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  return end == nullptr ? 0 : static_cast<int64_t>(::timegm(&time)) * 1'000'000;
}

}  // namespace millrace::io
