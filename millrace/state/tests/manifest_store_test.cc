// What every store of manifests has to keep, wherever it is; and what only one in an
// object store has to.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "millrace/base/testing.h"
#include "millrace/connector/testkit/memory_bucket.h"
#include "millrace/state/errors.h"
#include "millrace/state/local_manifest_store.h"
#include "millrace/state/names.h"
#include "millrace/state/object_manifest_store.h"
#include "millrace/state/retention.h"

namespace millrace::state {
namespace {

namespace fs = std::filesystem;
using connector::ManifestEntry;
using connector::ManifestState;
using connector::ManifestStore;
using connector::testkit::BucketContent;
using connector::testkit::Conditions;
using connector::testkit::MemoryBucket;

constexpr char kHead[] = "ckpt/p/head";
constexpr int64_t kMillis = 1'000'000;

// A bucket, and the processes that come to it.
class Bucket {
 public:
  // `beats`: it shows that it lives. `patience_nanos`: how long it waits for others.
  std::unique_ptr<ManifestStore> Open(std::shared_ptr<MemoryBucket> bucket, bool beats,
                                      int64_t patience_nanos = 150 * kMillis,
                                      const std::string& name = "p") {
    KeeperContext context;
    context.access = connector::StoreAccess::Over(std::move(bucket), &clock);
    context.clock = &clock;
    if (beats) {
      context.timers = timers.get();
      context.executor = executor.get();
    }
    context.lease = {20 * kMillis, patience_nanos};
    return MakeObjectManifestStore(std::move(context), memory, "ckpt/", name);
  }
  std::shared_ptr<MemoryBucket> View(Conditions conditions = Conditions::kKept) {
    return std::make_shared<MemoryBucket>(content, conditions);
  }
  std::vector<std::string> Keys() {
    std::lock_guard lock(content->mutex);
    std::vector<std::string> out;
    for (const auto& [key, bytes] : content->objects) out.push_back(key);
    return out;
  }

  SystemClock clock;
  std::shared_ptr<MemoryBudget> memory =
      MemoryBudget::Make(int64_t{1} << 30, ProcessMemoryPool());
  std::shared_ptr<BucketContent> content = std::make_shared<BucketContent>();
  std::unique_ptr<Timers> timers = MakeThreadTimers(&clock);
  std::unique_ptr<Executor> executor = MakeThreadExecutor(4);
};

class AnyStore : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("millrace-stores-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<ManifestStore> Open(const std::string& name = "p") {
    if (GetParam() == std::string("bucket"))
      return bucket_.Open(bucket_.View(), true, 5'000 * kMillis, name);
    return MakeLocalManifestStore(io::MakeLocalFileSystem(), &bucket_.clock,
                                  folder_.string(), name);
  }
  bool Empty() {
    return GetParam() == std::string("bucket") ? bucket_.Keys().empty()
                                               : !fs::exists(folder_ / "p");
  }
  // "<epoch> <kind> <savepoint>: <text>"
  std::vector<std::string> Texts(ManifestStore& store) {
    std::vector<std::string> out;
    auto entries = store.List();
    EXPECT_TRUE(entries.ok()) << entries.status().ToString();
    for (const ManifestEntry& entry : *entries) {
      auto text = store.Read(entry);
      EXPECT_TRUE(text.ok()) << text.status().ToString();
      out.push_back(fmt::format("{} {} {}: {}", entry.epoch.value,
                                static_cast<int>(entry.state), entry.savepoint,
                                text.ValueOr("")));
      EXPECT_EQ(entry.bytes, static_cast<int64_t>(text.ValueOr("").size()));
    }
    return out;
  }

  Bucket bucket_;
  fs::path folder_;
};

TEST_P(AnyStore, OneOwnerAndAttemptsThatAreCounted) {
  for (int64_t attempt = 1; attempt <= 3; ++attempt) {
    auto first = Open();
    ASSERT_OK_AND_ASSIGN(const int64_t got, first->Acquire());
    EXPECT_EQ(got, attempt);
    const auto second = Open()->Acquire();
    EXPECT_EQ(ErrorNumber(second.status()), errors::kPipelineTaken.number);
    EXPECT_NE(second.status().message().find("process " + std::to_string(::getpid())),
              std::string::npos);
    EXPECT_NE(second.status().message().find("which is this one"), std::string::npos);
    ASSERT_OK(Open("q")->Acquire().status());
  }
}

TEST_P(AnyStore, AnEpochIsDecidedOnce) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  ASSERT_OK(store->WritePending(Epoch{3}, "torn"));
  ASSERT_OK(store->WritePending(Epoch{3}, "three"));
  EXPECT_EQ(Texts(*store), (std::vector<std::string>{"3 0 : three"}));
  ASSERT_OK(store->Promote(Epoch{3}));
  const Status again = store->WritePending(Epoch{3}, "again");
  EXPECT_FALSE(again.ok() && store->Promote(Epoch{3}).ok());
  EXPECT_FALSE(store->Promote(Epoch{4}).ok());
  ASSERT_OK(store->NameSavepoint(Epoch{3}, "a/b é"));
  EXPECT_FALSE(store->NameSavepoint(Epoch{4}, "x").ok());
  auto texts = Texts(*Open());  // as somebody sees it who takes nothing
  if (again.ok()) std::erase(texts, "3 0 : again");
  EXPECT_EQ(texts, (std::vector<std::string>{"0 2 a/b é: three", "3 1 : three"}));
}

TEST_P(AnyStore, SavepointsStayAndAreReplaced) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    ASSERT_OK(store->WritePending(Epoch{epoch}, std::to_string(epoch)));
    ASSERT_OK(store->Promote(Epoch{epoch}));
    if (epoch < 3) ASSERT_OK(store->NameSavepoint(Epoch{epoch}, "s"));
  }
  ASSERT_OK(Prune(*store, 0));
  EXPECT_EQ(Texts(*store), (std::vector<std::string>{"0 2 s: 2", "3 1 : 3"}));
  ASSERT_OK(Retire(*store));
  EXPECT_EQ(Texts(*store), (std::vector<std::string>{"0 2 s: 2"}));
  ASSERT_OK_AND_ASSIGN(const auto entries, store->List());
  ASSERT_OK(store->Remove(entries.front()));
  EXPECT_EQ(Texts(*store), std::vector<std::string>());
  ASSERT_OK(Retire(*store));
  EXPECT_TRUE(Empty());
}

TEST_P(AnyStore, Notes) {
  auto store = Open();
  ASSERT_OK_AND_ASSIGN(std::string note, store->ReadNote("strays"));
  EXPECT_EQ(note, "");
  ASSERT_OK(store->Acquire().status());
  ASSERT_OK(store->WriteNote("strays", "here\n\xff"));
  ASSERT_OK(store->WriteNote("ended", "p\nq"));
  store = Open("q");
  store.reset();
  store = Open();
  ASSERT_OK_AND_ASSIGN(note, store->ReadNote("strays"));
  EXPECT_EQ(note, "here\n\xff");
  ASSERT_OK(store->Acquire().status());
  ASSERT_OK(store->WriteNote("strays", ""));
  ASSERT_OK_AND_ASSIGN(note, store->ReadNote("strays"));
  EXPECT_EQ(note, "");
  ASSERT_OK(store->RemoveAll());
  ASSERT_OK(store->WriteNote("ended", ""));
  ASSERT_OK_AND_ASSIGN(note, store->ReadNote("ended"));
  EXPECT_EQ(note, "");
  EXPECT_TRUE(Empty());
}

TEST_P(AnyStore, StateFiles) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  const std::string small = StateFileName(Epoch{1}, 1, 0);
  const std::string large = StateFileName(Epoch{1}, 1, 1);
  std::string bytes;
  for (int i = 0; bytes.size() < (20u << 20); ++i) bytes += std::to_string(i);
  for (const auto& [name, size] :
       {std::pair(small, size_t{5}), std::pair(large, bytes.size())}) {
    ASSERT_OK_AND_ASSIGN(auto file, store->CreateFile(name));
    for (size_t at = 0; at < size; at += 100'000) {
      ASSERT_OK(file->Write(bytes.data() + at,
                            static_cast<int64_t>(std::min<size_t>(100'000, size - at))));
    }
    EXPECT_EQ(file->position(), static_cast<int64_t>(size));
    ASSERT_OK(file->Sync());
    ASSERT_OK(file->Close());
    ASSERT_OK_AND_ASSIGN(auto back, store->OpenFile(name));
    ASSERT_OK_AND_ASSIGN(const int64_t length, back->GetSize());
    ASSERT_EQ(length, static_cast<int64_t>(size));
    std::string read(size - 1, '\0');
    ASSERT_OK_AND_ASSIGN(const int64_t got, back->ReadAt(1, length, read.data()));
    EXPECT_EQ(got, length - 1);
    EXPECT_TRUE(bytes.compare(1, size - 1, read) == 0);
  }
  ASSERT_OK_AND_ASSIGN(const auto names, store->ListFiles());
  EXPECT_EQ(names, (std::vector<std::string>{small, large}));
  ASSERT_OK(store->RemoveFile(small));
  EXPECT_EQ(ErrorNumber(store->OpenFile(small).status()), errors::kFileNotFound.number);
  EXPECT_EQ(bucket_.memory->used(), 0);
}

INSTANTIATE_TEST_SUITE_P(Stores, AnyStore, testing::Values("folder", "bucket"),
                         [](const auto& param) { return std::string(param.param); });

Status Decide(ManifestStore& store, int64_t epoch, const std::string& text) {
  ARROW_RETURN_NOT_OK(store.WritePending(Epoch{epoch}, text));
  return store.Promote(Epoch{epoch});
}

// One that pauses for so long that it counts as dead, and comes back.
TEST(ObjectManifests, ALatePredecessorDecidesNothing) {
  Bucket bucket;
  auto late = bucket.Open(bucket.View(), false);
  ASSERT_OK(late->Acquire().status());
  ASSERT_OK(Decide(*late, 1, "one"));
  ASSERT_OK(late->WritePending(Epoch{2}, "two of the late one"));
  auto next = bucket.Open(bucket.View(), true);
  ASSERT_OK_AND_ASSIGN(const int64_t attempt, next->Acquire());
  EXPECT_EQ(attempt, 2);
  // Before the successor has decided anything, and although that epoch is free.
  const Status refused = late->Promote(Epoch{2});
  EXPECT_EQ(ErrorNumber(refused), errors::kPipelineTaken.number) << refused.ToString();
  EXPECT_NE(refused.message().find("it took over"), std::string::npos);
  const std::string theirs = StateFileName(Epoch{2}, 2, 0);
  ASSERT_OK_AND_ASSIGN(auto file, next->CreateFile(theirs));
  ASSERT_OK(file->Close());
  ASSERT_OK(Decide(*next, 2, "two"));
  // What it still does touches nothing of the successor's.
  ASSERT_OK_AND_ASSIGN(const auto names, late->ListFiles());
  EXPECT_EQ(names, std::vector<std::string>());
  for (const Status& status :
       {late->WritePending(Epoch{2}, "x"), late->Promote(Epoch{3}), late->RemoveAll(),
        late->WriteNote("strays", "x"), late->NameSavepoint(Epoch{1}, "x")}) {
    EXPECT_FALSE(status.ok());
  }
  late.reset();
  ASSERT_OK_AND_ASSIGN(const auto entries, next->List());
  std::string all;
  for (const auto& entry : entries) {
    ASSERT_OK_AND_ASSIGN(const std::string text, next->Read(entry));
    all +=
        fmt::format("{} {} {}; ", entry.epoch.value, static_cast<int>(entry.state), text);
  }
  EXPECT_EQ(all, "1 1 one; 2 1 two; ");
  ASSERT_OK(Decide(*next, 3, "three"));
  // What the late one left pending goes with the next run.
  const std::string left = "ckpt/p/" + AttemptName(Epoch{2}, 1) + ".manifest";
  EXPECT_EQ(bucket.content->objects.count(left), 1u);
  next.reset();
  ASSERT_OK(bucket.Open(bucket.View(), false)->Acquire().status());
  EXPECT_EQ(bucket.content->objects.count(left), 0u);
}

// A pipeline that was finished, forgotten and begun anew meanwhile is not forgotten
// again.
TEST(ObjectManifests, ALatePredecessorForgetsNothing) {
  Bucket bucket;
  auto late = bucket.Open(bucket.View(), false);
  ASSERT_OK(late->Acquire().status());
  ASSERT_OK(Decide(*late, 1, "one"));
  {
    auto next = bucket.Open(bucket.View(), false);
    ASSERT_OK(next->Acquire().status());
    ASSERT_OK(next->RemoveAll());
  }
  EXPECT_EQ(bucket.Keys(), std::vector<std::string>());
  auto anew = bucket.Open(bucket.View(), false);
  ASSERT_OK_AND_ASSIGN(const int64_t attempt, anew->Acquire());
  EXPECT_EQ(attempt, 1);
  ASSERT_OK(Decide(*anew, 1, "anew"));
  EXPECT_EQ(ErrorNumber(late->RemoveAll()), errors::kPipelineTaken.number);
  ASSERT_OK_AND_ASSIGN(const auto entries, anew->List());
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const std::string text, anew->Read(entries[0]));
  EXPECT_EQ(text, "anew");
}

// The head that process `pid` of this machine has left, as if it had been killed.
void LeaveHead(Bucket& bucket, const ProcessMark& process) {
  PipelineHead head;
  head.attempt = 7;
  head.owner = {process, 0, "run"};
  std::lock_guard lock(bucket.content->mutex);
  bucket.content->objects[kHead] = head.Encode();
}

TEST(ObjectManifests, WhoWasKilledOnThisMachineIsFollowedAtOnce) {
  Bucket bucket;
  ProcessMark child = ProcessMark::Own();
  EXPECT_FALSE(child.IsGone());
  child.pid = ::fork();
  if (child.pid == 0) ::_exit(0);
  siginfo_t info{};
  // It is dead, but nobody has buried it.
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(child.IsGone());
  LeaveHead(bucket, child);
  constexpr int64_t kHour = 3'600'000 * kMillis;
  ASSERT_OK_AND_ASSIGN(const int64_t attempt,
                       bucket.Open(bucket.View(), false, kHour)->Acquire());
  EXPECT_EQ(attempt, 8);
  ::waitpid(static_cast<pid_t>(child.pid), nullptr, 0);
  EXPECT_TRUE(child.IsGone());
  // One whose number was given to another process since.
  ProcessMark other = ProcessMark::Own();
  other.begun = "1";
  EXPECT_TRUE(other.IsGone());
  // Of another machine nobody knows.
  child.boot = "elsewhere";
  EXPECT_FALSE(child.IsGone());
  LeaveHead(bucket, child);
  ASSERT_OK(bucket.Open(bucket.View(), false, 50 * kMillis)->Acquire().status());
}

TEST(ObjectManifests, OneOfManyGetsIt) {
  Bucket bucket;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<ManifestStore>> stores;
    std::atomic<int> taken{0}, refused{0};
    for (int i = 0; i < 4; ++i)
      stores.push_back(bucket.Open(bucket.View(), true, 5'000 * kMillis));
    std::vector<std::thread> threads;
    for (auto& store : stores) {
      threads.emplace_back([&] {
        const Status status = store->Acquire().status();
        taken += status.ok();
        refused += ErrorNumber(status) == errors::kPipelineTaken.number;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(refused, 3);
  }
}

TEST(ObjectManifests, ALostAnswerIsFoundOut) {
  Bucket bucket;
  auto view = bucket.View();
  auto store = bucket.Open(view, false);
  ASSERT_OK(store->Acquire().status());
  ASSERT_OK(store->WritePending(Epoch{1}, "one"));
  view->LoseAnAnswer();
  EXPECT_EQ(ErrorNumber(store->Promote(Epoch{1})), errors::kNetwork.number);
  ASSERT_OK(store->WriteNote("strays", "x"));
  ASSERT_OK_AND_ASSIGN(const auto entries, store->List());
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].state, ManifestState::kDecided);
  ASSERT_OK(Decide(*store, 2, "two"));
}

TEST(ObjectManifests, OfOneEpochTheLatestAttemptCounts) {
  Bucket bucket;
  auto first = bucket.Open(bucket.View(), false);
  ASSERT_OK(first->Acquire().status());
  auto second = bucket.Open(bucket.View(), false);
  ASSERT_OK(second->Acquire().status());
  ASSERT_OK(second->WritePending(Epoch{1}, "second"));
  {
    std::lock_guard lock(bucket.content->mutex);
    bucket.content->objects["ckpt/p/" + AttemptName(Epoch{1}, 1) + ".manifest"] = "first";
  }
  auto third = bucket.Open(bucket.View(), false);
  ASSERT_OK(third->Acquire().status());
  ASSERT_OK_AND_ASSIGN(auto entries, third->List());
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const std::string text, third->Read(entries[0]));
  EXPECT_EQ(text, "second");
  ASSERT_OK(third->Remove(entries[0]));
  EXPECT_EQ(bucket.Keys(), std::vector<std::string>{kHead});
}

TEST(ObjectManifests, AStoreWithoutConditionsIsRefused) {
  for (const Conditions conditions : {Conditions::kPassedOver, Conditions::kRefused}) {
    Bucket bucket;
    const Status status = bucket.Open(bucket.View(conditions), false)->Acquire().status();
    EXPECT_EQ(ErrorNumber(status), errors::kNoConditions.number) << status.ToString();
    EXPECT_EQ(bucket.Keys(), std::vector<std::string>());
  }
}

TEST(ObjectManifests, DamageIsFound) {
  Bucket bucket;
  {
    auto store = bucket.Open(bucket.View(), false);
    ASSERT_OK(store->Acquire().status());
    ASSERT_OK(Decide(*store, 1, "one"));
  }
  const std::string head = bucket.content->objects[kHead];
  for (size_t at = 0; at < head.size(); ++at) {
    bucket.content->objects[kHead][at] ^= 1;
    EXPECT_EQ(ErrorNumber(bucket.Open(bucket.View(), false)->List().status()),
              errors::kHeadDamaged.number)
        << at;
    bucket.content->objects[kHead] = head.substr(0, at);
    EXPECT_EQ(ErrorNumber(bucket.Open(bucket.View(), false)->Acquire().status()),
              errors::kHeadDamaged.number)
        << at;
    bucket.content->objects[kHead] = head;
  }
  bucket.content->objects.erase("ckpt/p/" + AttemptName(Epoch{1}, 1) + ".manifest");
  auto store = bucket.Open(bucket.View(), false);
  ASSERT_OK_AND_ASSIGN(const auto entries, store->List());
  EXPECT_EQ(ErrorNumber(store->Read(entries[0]).status()),
            errors::kManifestDamaged.number);
}

// Cut off at any change, a pipeline is as it was or over, and what is left over goes with
// its next run.
TEST(ObjectManifests, ForgettingIsOneStep) {
  for (int64_t at = 0;; ++at) {
    SCOPED_TRACE(at);
    Bucket bucket;
    auto view = bucket.View();
    auto store = bucket.Open(view, false);
    ASSERT_OK(store->Acquire().status());
    for (int64_t epoch = 1; epoch <= 3; ++epoch) {
      ASSERT_OK_AND_ASSIGN(auto file,
                           store->CreateFile(StateFileName(Epoch{epoch}, 1, 0)));
      ASSERT_OK(file->Close());
      ASSERT_OK(store->WritePending(Epoch{epoch}, std::to_string(epoch)));
      if (epoch < 3) ASSERT_OK(store->Promote(Epoch{epoch}));
    }
    view->DieAfter(at);
    const Status status = store->RemoveAll();
    const bool cut = view->dead();
    store.reset();
    store = bucket.Open(bucket.View(), false);
    ASSERT_OK_AND_ASSIGN(const auto entries, store->List());
    int decided = 0;
    for (const auto& entry : entries) decided += entry.state == ManifestState::kDecided;
    EXPECT_EQ(decided, status.ok() ? 0 : 2);
    if (!status.ok()) {
      EXPECT_EQ(entries.size(), 3u);
    }
    ASSERT_OK(store->Acquire().status());
    ASSERT_OK(store->RemoveAll());
    EXPECT_EQ(bucket.Keys(), std::vector<std::string>());
    if (!cut) break;
  }
}

// A state file that its writer was killed at is nobody's.
TEST(ObjectManifests, ATornStateFileGoes) {
  Bucket bucket;
  auto view = bucket.View();
  auto store = bucket.Open(view, false);
  ASSERT_OK(store->Acquire().status());
  ASSERT_OK_AND_ASSIGN(auto file, store->CreateFile(StateFileName(Epoch{1}, 1, 0)));
  const std::string bytes(9 << 20, 'x');
  ASSERT_OK(file->Write(bytes.data(), static_cast<int64_t>(bytes.size())));
  EXPECT_EQ(bucket.content->uploads.size(), 1u);
  view->DieAfter(0);
  file.reset();
  store.reset();
  EXPECT_EQ(bucket.content->uploads.size(), 1u);
  ASSERT_OK(bucket.Open(bucket.View(), false)->Acquire().status());
  EXPECT_EQ(bucket.content->uploads.size(), 0u);
}

}  // namespace
}  // namespace millrace::state
