#include <atomic>
#include <thread>

#include <arrow/buffer.h>

#include "millrace/base/testing.h"
#include "millrace/io/errors.h"
#include "millrace/io/http/retry.h"
#include "millrace/io/object_store/remote_file.h"
#include "millrace/io/object_store/s3_store.h"

namespace millrace::io {
namespace {

uint8_t ByteAt(int64_t offset) {
  return static_cast<uint8_t>(offset * 31 + (offset >> 8) * 7 + (offset >> 16));
}

// One object of any size, whose bytes tell their offset.
class OneObject final : public ObjectStore {
 public:
  const std::string& root() const override { return root_; }
  Result<ObjectInfo> Head(const std::string&) override { return Status::IOError(""); }
  Status Get(const std::string&, int64_t offset, int64_t length, const std::string& etag,
             uint8_t* out) override {
    ++requests;
    bytes += length;
    if (etag != "now") return errors::kObjectChanged.Make({}, "");
    if (failures.fetch_sub(1) > 0) return errors::kNetwork.Make({}, "");
    for (int64_t i = 0; i < length; ++i) out[i] = ByteAt(offset + i);
    return Status::OK();
  }
  Result<std::string> GetAll(const std::string&, int64_t, ObjectInfo*) override {
    return Status::IOError("");
  }
  Status List(const std::string&, const std::string&,
              const std::function<Result<bool>(const ObjectPage&)>&) override {
    return Status::IOError("");
  }
  Result<std::string> Put(const std::string&, std::string_view,
                          const PutCondition&) override {
    return Status::IOError("");
  }
  Status Delete(const std::vector<std::string>&) override { return Status::IOError(""); }
  Status DeleteIf(const std::string&, const std::string&) override {
    return Status::IOError("");
  }
  Result<std::string> BeginUpload(const std::string&) override {
    return Status::IOError("");
  }
  Result<std::string> UploadPart(const std::string&, const std::string&, int,
                                 std::string_view) override {
    return Status::IOError("");
  }
  Result<std::string> CompleteUpload(const std::string&, const std::string&,
                                     const std::vector<UploadedPart>&, int64_t) override {
    return Status::IOError("");
  }
  Status AbortUpload(const std::string&, const std::string&) override {
    return Status::IOError("");
  }
  Result<std::vector<PendingUpload>> ListUploads(const std::string&) override {
    return Status::IOError("");
  }

  std::atomic<int> requests{0}, failures{0};
  std::atomic<int64_t> bytes{0};

 private:
  const std::string root_ = "s3://b/";
};

class RemoteFileTest : public ::testing::Test {
 protected:
  std::shared_ptr<RemoteFile> Open(int64_t size, Executor* executor,
                                   const std::string& etag = "now") {
    ObjectInfo info;
    info.key = "k";
    info.size = size;
    info.etag = etag;
    return std::make_shared<RemoteFile>(store_, info, memory_, executor);
  }
  void ExpectBytes(RemoteFile& file, int64_t offset, int64_t size, int64_t expected) {
    std::vector<uint8_t> bytes(static_cast<size_t>(size));
    ASSERT_OK_AND_ASSIGN(const int64_t got, file.ReadAt(offset, size, bytes.data()));
    ASSERT_EQ(got, expected);
    for (int64_t i = 0; i < got; ++i)
      ASSERT_EQ(bytes[static_cast<size_t>(i)], ByteAt(offset + i)) << offset + i;
  }

  const std::shared_ptr<OneObject> store_ = std::make_shared<OneObject>();
  const std::shared_ptr<MemoryBudget> memory_ =
      MemoryBudget::Make(1 << 30, arrow::default_memory_pool());
};

TEST_F(RemoteFileTest, ReadOnInLongRunsAndKeepsLittle) {
  constexpr int64_t kSize = 40 << 20;
  const auto executor = MakeThreadExecutor(2);
  const auto file = Open(kSize, executor.get());
  for (int64_t at = 0; at < kSize; at += 1000 * 1000)
    ExpectBytes(*file, at, 1000 * 1000, std::min<int64_t>(1000 * 1000, kSize - at));
  // 1 + 2 + 4 MiB, then 8 at a time: 40 = 7 + 33.
  EXPECT_LE(store_->requests, 9);
  EXPECT_EQ(store_->bytes, kSize);
  EXPECT_LE(memory_->used(), 3 << 20);
  EXPECT_LE(memory_->peak(), 28 << 20);
}

TEST_F(RemoteFileTest, EndsOfTheFile) {
  const auto file = Open(1000, nullptr);
  ExpectBytes(*file, 990, 100, 10);
  ExpectBytes(*file, 1000, 10, 0);
  ExpectBytes(*file, 0, 1000, 1000);
  ExpectBytes(*file, 0, 1000, 1000);
  EXPECT_EQ(store_->requests, 1);
  EXPECT_FALSE(file->ReadAt(-1, 10).ok());
  const auto empty = Open(0, nullptr);
  ExpectBytes(*empty, 0, 10, 0);
}

TEST_F(RemoteFileTest, WhatIsNeededComesInFewRequests) {
  const auto executor = MakeThreadExecutor(4);
  const auto file = Open(100 << 20, executor.get());
  // Two near each other, one apart, one twice.
  ASSERT_OK(file->WillNeed({{50 << 20, 100'000},
                            {(50 << 20) + 300'000, 100'000},
                            {80 << 20, 1000},
                            {80 << 20, 1000}}));
  ExpectBytes(*file, 50 << 20, 100'000, 100'000);
  ExpectBytes(*file, (50 << 20) + 300'000, 100'000, 100'000);
  ExpectBytes(*file, 80 << 20, 1000, 1000);
  EXPECT_EQ(store_->requests, 2);
  EXPECT_EQ(store_->bytes, 401'000);
}

TEST_F(RemoteFileTest, RandomReadsOfManyThreadsAreRight) {
  constexpr int64_t kSize = 30 << 20;
  const auto executor = MakeThreadExecutor(2);  // fewer than readers
  const auto file = Open(kSize + 123, executor.get());
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      Random random(seed);
      for (int i = 0; i < 25; ++i) {
        const auto at = static_cast<int64_t>(random.Below(kSize));
        const auto size = static_cast<int64_t>(random.Below(300'000)) + 1;
        if (i % 10 == 0) {
          ASSERT_OK(file->WillNeed({{at, size}, {at / 2, size}, {at + size, 3'000'000}}));
        }
        ExpectBytes(*file, at, size, std::min(size, kSize + 123 - at));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RemoteFileTest, AFaultIsTheReadersAndPasses) {
  const auto executor = MakeThreadExecutor(2);
  const auto file = Open(20 << 20, executor.get());
  store_->failures = 1;
  uint8_t byte = 0;
  EXPECT_EQ(ErrorNumber(file->ReadAt(5, 1, &byte).status()), errors::kNetwork.number);
  ExpectBytes(*file, 5, 1, 1);
  const auto other = Open(20, executor.get(), "before");
  EXPECT_EQ(ErrorNumber(other->ReadAt(5, 1, &byte).status()),
            errors::kObjectChanged.number);
}

// Answers in the order given; time passes as the caller waits.
class Scripted final : public HttpClient {
 public:
  explicit Scripted(std::vector<Result<HttpResponse>> answers)
      : answers_(std::move(answers)) {}
  Result<HttpResponse> Send(const HttpRequest&) override {
    return answers_[std::min(at_++, answers_.size() - 1)];
  }
  size_t requests() const { return at_; }

 private:
  const std::vector<Result<HttpResponse>> answers_;
  size_t at_ = 0;
};

HttpResponse Answer(int status, HttpHeaders headers = {}) {
  HttpResponse out;
  out.status = status;
  out.headers = std::move(headers);
  return out;
}

class JumpingTimers final : public Timers {
 public:
  explicit JumpingTimers(ManualClock* clock) : clock_(clock) {}
  void WakeAt(int64_t nanos, Waker waker) override {
    clock_->Advance(nanos - clock_->MonotonicNanos());
    waker.Wake();
  }

 private:
  ManualClock* const clock_;
};

TEST(Retry, UntilItSucceedsOrIsPointless) {
  ManualClock clock;
  JumpingTimers timers(&clock);
  auto tries = [&](std::vector<Result<HttpResponse>> answers, int* status) {
    auto client = std::make_shared<Scripted>(std::move(answers));
    RetryingClient retrying(client, RetryPolicy(), &clock, &timers, {}, 1);
    const auto done = retrying.Send([] { return Result<HttpRequest>(HttpRequest()); });
    *status = done.ok() ? done->status : -ErrorNumber(done.status());
    return client->requests();
  };
  int status = 0;
  EXPECT_EQ(tries({Answer(503), errors::kNetwork.Make({}, ""), Answer(200)}, &status), 3);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(tries({Answer(404)}, &status), 1);
  EXPECT_EQ(tries({errors::kNotTrusted.Make({}, "")}, &status), 1);
  EXPECT_EQ(status, -errors::kNotTrusted.number);
  EXPECT_EQ(tries({Answer(503)}, &status), 8);
  EXPECT_EQ(status, 503);
  const int64_t before = clock.MonotonicNanos();
  EXPECT_EQ(tries({Answer(429, {{"retry-after", "7"}}), Answer(200)}, &status), 2);
  EXPECT_GE(clock.MonotonicNanos() - before, 7'000'000'000);
  // Longer than anybody waits.
  EXPECT_EQ(tries({Answer(429, {{"retry-after", "1000"}}), Answer(200)}, &status), 1);
}

TEST(Retry, EndsWhenItIsGivenUp) {
  SystemClock clock;
  auto client = std::make_shared<Scripted>(
      std::vector<Result<HttpResponse>>{Answer(503, {{"retry-after", "60"}})});
  RetryingClient retrying(
      client, RetryPolicy(), &clock, nullptr,
      [&]() -> Status {
        return client->requests() > 0 ? errors::kCancelled.Make({}, "") : Status::OK();
      },
      1);
  const auto done = retrying.Send([] { return Result<HttpRequest>(HttpRequest()); });
  EXPECT_EQ(ErrorNumber(done.status()), errors::kCancelled.number);
}

}  // namespace
}  // namespace millrace::io
