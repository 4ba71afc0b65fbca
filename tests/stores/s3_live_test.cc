// What writes to S3, against a real server that an end-to-end test starts: a program of
// its own, as there is nothing to run without one.
#include <cstdlib>
#include <string>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/testing.h"
#include "millrace/io/errors.h"
#include "millrace/io/http/retry.h"
#include "millrace/io/object_store/s3_store.h"

namespace millrace::io {
namespace {

TEST(S3Live, WritesAndUploads) {
  const char* endpoint = std::getenv("MILLRACE_TEST_S3");
  ASSERT_NE(endpoint, nullptr) << "tests/python/test_object_store.py runs this";
  SystemClock clock;
  ASSERT_OK_AND_ASSIGN(auto connection, MakeHttpClient({}, &clock, {}));
  auto client = std::make_shared<RetryingClient>(connection, RetryPolicy(), &clock,
                                                 nullptr, GivenUp(), 1);
  CredentialsOptions who;
  who.access_key_id = std::getenv("AWS_ACCESS_KEY_ID");
  who.secret_access_key = std::getenv("AWS_SECRET_ACCESS_KEY");
  S3Settings settings;
  settings.bucket = "live";
  settings.endpoint = endpoint;
  settings.path_style = true;
  ASSERT_OK_AND_ASSIGN(auto store,
                       MakeS3Store(settings, client, MakeCredentials(who, {}, client)));

  ASSERT_OK_AND_ASSIGN(const std::string first, store->Put("d/a b+c", "one", {}));
  EXPECT_EQ(first, "f97c5d29941bfb1b2fdab0874906ab82");  // md5 of "one"
  EXPECT_EQ(ErrorNumber(store->Put("d/a b+c", "two", {.if_absent = true}).status()),
            errors::kNotAsExpected.number);
  EXPECT_EQ(ErrorNumber(store->Put("d/a b+c", "two", {.if_match = "0"}).status()),
            errors::kNotAsExpected.number);
  ASSERT_OK_AND_ASSIGN(const std::string second,
                       store->Put("d/a b+c", "three", {.if_match = first}));
  ASSERT_OK(store->Put("d/new", "", {.if_absent = true}).status());
  ObjectInfo info;
  EXPECT_EQ(*store->GetAll("d/a b+c", 10, &info), "three");
  EXPECT_EQ(info.etag, second);
  EXPECT_EQ(ErrorNumber(store->GetAll("d/a b+c", 4, nullptr).status()),
            errors::kAnswerTooLarge.number);
  uint8_t part[3];
  ASSERT_OK(store->Get("d/a b+c", 1, 3, second, part));
  EXPECT_EQ(std::string(part, part + 3), "hre");
  EXPECT_EQ(ErrorNumber(store->Get("d/a b+c", 1, 3, first, part)),
            errors::kObjectChanged.number);

  std::vector<std::string> keys;
  auto collect = [&](const ObjectPage& page) {
    for (const auto& object : page.objects) keys.push_back(object.key);
    for (const auto& prefix : page.prefixes) keys.push_back(prefix);
    return Result<bool>(true);
  };
  ASSERT_OK(store->List("d/", "", collect));
  EXPECT_EQ(keys, (std::vector<std::string>{"d/a b+c", "d/new"}));
  keys.clear();
  ASSERT_OK(store->List("", "/", collect));
  EXPECT_EQ(keys, std::vector<std::string>{"d/"});

  // Parts, completed twice.
  const std::string big(5 << 20, 'x');
  ASSERT_OK_AND_ASSIGN(const std::string id, store->BeginUpload("u/f"));
  std::vector<UploadedPart> parts = {{1, ""}, {2, ""}};
  ASSERT_OK_AND_ASSIGN(parts[0].etag, store->UploadPart("u/f", id, 1, big));
  ASSERT_OK_AND_ASSIGN(parts[1].etag, store->UploadPart("u/f", id, 2, "end"));
  ASSERT_OK_AND_ASSIGN(const auto pending, store->ListUploads("u/"));
  ASSERT_EQ(pending.size(), 1);
  EXPECT_EQ(pending[0].key, "u/f");
  EXPECT_EQ(pending[0].upload_id, id);
  EXPECT_GT(pending[0].initiated_micros, 1'600'000'000'000'000);
  const int64_t size = static_cast<int64_t>(big.size()) + 3;
  ASSERT_OK_AND_ASSIGN(const std::string done,
                       store->CompleteUpload("u/f", id, parts, size));
  EXPECT_EQ(done, UploadEtag(parts));
  ASSERT_OK_AND_ASSIGN(const std::string again,
                       store->CompleteUpload("u/f", id, parts, size));
  EXPECT_EQ(again, done);
  ASSERT_OK_AND_ASSIGN(info, store->Head("u/f"));
  EXPECT_EQ(info.size, size);
  ASSERT_OK_AND_ASSIGN(const std::string other, store->BeginUpload("u/g"));
  ASSERT_OK(store->AbortUpload("u/g", other));
  ASSERT_OK(store->AbortUpload("u/g", other));
  EXPECT_EQ(store->ListUploads("u/")->size(), 0);
  // An upload that is gone: the object tells.
  EXPECT_EQ(*store->CompleteUpload("u/f", other, parts, size), done);
  EXPECT_EQ(ErrorNumber(store->CompleteUpload("u/f", other, {parts[0]}, size).status()),
            errors::kNoSuchUpload.number);

  ASSERT_OK(store->Delete({"d/a b+c", "d/new", "u/f", "not/there"}));
  keys.clear();
  ASSERT_OK(store->List("", "", collect));
  EXPECT_TRUE(keys.empty());
}

}  // namespace
}  // namespace millrace::io
