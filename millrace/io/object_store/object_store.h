// ObjectStore: what an object store can do, the same for all of them.
//
// Calls block and repeat what can be repeated, so they belong to threads of an Executor
// or to a coordinator, never to a shard. Everything is thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace::io {

struct ObjectInfo {
  std::string key;
  int64_t size = 0;
  /// Names the content, as the store gives it, quotes left out; empty: the store has
  /// none.
  std::string etag;
  int64_t modified_micros = 0;  ///< whole seconds
  bool whole_only = false;      ///< the server gives no parts of it
};

/// A page of a listing, keys in ascending bytewise order.
struct ObjectPage {
  std::vector<ObjectInfo> objects;
  /// With a delimiter: what keys have in common up to it, itself included.
  std::vector<std::string> prefixes;
};

/// Only one of both may be set.
struct PutCondition {
  bool if_absent = false;
  std::string if_match;  ///< ETag that the object must have; empty: any
};

struct UploadedPart {
  int number = 0;  ///< from 1
  std::string etag;
};

struct PendingUpload {
  std::string key;
  std::string upload_id;
  int64_t initiated_micros = 0;
};

/// One bucket. Failures: kFileNotFound (no such key), kNoSuchBucket, kAccessDenied,
/// kBadCredentials, kNotAsExpected (a condition does not hold), kObjectChanged,
/// kNoSuchUpload, kWrongRegion, kRequestRefused; retryable, after our own tries:
/// kNetwork, kNetworkStalled, kServerBusy.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// "s3://bucket/": what stands before a key in an address.
  virtual const std::string& root() const = 0;
  /// False: single files of known names only.
  virtual bool can_list() const { return true; }

  virtual Result<ObjectInfo> Head(const std::string& key) = 0;
  /// [offset, offset + length) into `out`. The whole range must be there, so it lies
  /// within the size that Head or List told. `etag`: the content that is meant, another
  /// is kObjectChanged; empty: any.
  virtual Status Get(const std::string& key, int64_t offset, int64_t length,
                     const std::string& etag, uint8_t* out) = 0;
  /// All of an object, which has at most `max_size` bytes.
  virtual Result<std::string> GetAll(const std::string& key, int64_t max_size,
                                     ObjectInfo* info) = 0;
  /// Keys that begin with `prefix`, page by page; false from `page` ends it. `delimiter`
  /// ("/" or empty): keys that have it behind the prefix are told by what is before it.
  virtual Status List(const std::string& prefix, const std::string& delimiter,
                      const std::function<Result<bool>(const ObjectPage&)>& page) = 0;

  /// Answers the ETag. A conditional put that was repeated may have succeeded before:
  /// where the object holds these very bytes, it has.
  virtual Result<std::string> Put(const std::string& key, std::string_view bytes,
                                  const PutCondition& condition) = 0;
  /// Keys that are not there count as deleted.
  virtual Status Delete(const std::vector<std::string>& keys) = 0;
  /// Only while its content has this ETag: otherwise kNotAsExpected. A key that is not
  /// there counts as deleted. A store that knows no such condition deletes whatever is
  /// there.
  virtual Status DeleteIf(const std::string& key, const std::string& etag) = 0;

  /// Begin an upload in parts; answers its id. Nobody sees the parts.
  virtual Result<std::string> BeginUpload(const std::string& key) = 0;
  /// `number` from 1 to 10,000; all parts but the last have 5 MiB or more. Again under
  /// the same number replaces the part.
  virtual Result<std::string> UploadPart(const std::string& key, const std::string& id,
                                         int number, std::string_view bytes) = 0;
  /// Make the object of its parts, in the order of their numbers; `size` is the sum of
  /// theirs. Can be repeated, by another process, too: an upload that is gone has
  /// succeeded where the object is the one that these parts make. Answers the ETag.
  virtual Result<std::string> CompleteUpload(const std::string& key,
                                             const std::string& id,
                                             const std::vector<UploadedPart>& parts,
                                             int64_t size) = 0;
  /// An upload that is gone counts as aborted.
  virtual Status AbortUpload(const std::string& key, const std::string& id) = 0;
  virtual Result<std::vector<PendingUpload>> ListUploads(const std::string& prefix) = 0;
};

}  // namespace millrace::io
