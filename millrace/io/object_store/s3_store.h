// S3, and what speaks its protocol.
#pragma once

#include <memory>
#include <string>

#include "millrace/io/http/retry.h"
#include "millrace/io/object_store/credentials.h"
#include "millrace/io/object_store/object_store.h"

namespace millrace::io {

struct S3Settings {
  std::string bucket;
  std::string endpoint;  ///< "https://host[:port]"; empty: AWS's of the region
  std::string region = "us-east-1";
  bool path_style = false;  ///< host/bucket/key instead of bucket.host/key
  std::string sse;          ///< "", "AES256", "aws:kms"
  std::string kms_key_id;   ///< with aws:kms; empty: the account's own
};

/// Fails with kStoreOptions or kBadAddress.
Result<std::shared_ptr<ObjectStore>> MakeS3Store(
    S3Settings settings, std::shared_ptr<RetryingClient> client,
    std::shared_ptr<CredentialsProvider> credentials);

/// The ETag that S3 gives to an upload of these parts, where theirs are MD5s; empty where
/// they are none.
std::string UploadEtag(const std::vector<UploadedPart>& parts);

/// "2009-10-12T17:50:30.000Z" in microseconds since 1970, whole seconds; 0 for anything
/// else.
int64_t ParseIsoSeconds(const std::string& text);

}  // namespace millrace::io
