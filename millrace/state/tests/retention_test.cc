// What stays of a pipeline's checkpoints, on a real folder.
#include <unistd.h>

#include <filesystem>
#include <set>

#include "millrace/base/testing.h"
#include "millrace/connector/testkit/faulty_files.h"
#include "millrace/connector/testkit/passing_files.h"
#include "millrace/state/local_manifest_store.h"
#include "millrace/state/manifest.h"
#include "millrace/state/retention.h"

namespace millrace::state {
namespace {

namespace fs = std::filesystem;
using connector::testkit::FaultyFiles;

class Retention : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("millrace-retention-" + std::to_string(::getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<connector::ManifestStore> Open(
      std::shared_ptr<io::FileSystem> files = io::MakeLocalFileSystem()) {
    return MakeLocalManifestStore(files, &clock_, folder_.string(), "p");
  }

  // An epoch whose state is in the files `named`.
  void Decide(connector::ManifestStore& store, int64_t epoch,
              const std::vector<std::string>& named) {
    Manifest manifest;
    manifest.pipeline = "p";
    manifest.epoch = Epoch{epoch};
    OperatorEntry op;
    op.fingerprint = "0123456789abcdef";
    for (const std::string& name : named) {
      Section section;
      section.part = "groups";
      section.file = name;
      op.sections.push_back(section);
      if (fs::exists(folder_ / "p" / "state" / name)) continue;
      ASSERT_OK_AND_ASSIGN(auto file, store.CreateFile(name));
      ASSERT_OK(file->Close());
    }
    manifest.operators.push_back(op);
    ASSERT_OK(store.WritePending(Epoch{epoch}, manifest.Encode()));
    ASSERT_OK(store.Promote(Epoch{epoch}));
  }

  std::set<std::string> Epochs() {
    std::set<std::string> out;
    auto entries = Open()->List();
    EXPECT_TRUE(entries.ok());
    for (const auto& entry : *entries) {
      out.insert(entry.savepoint.empty() ? std::to_string(entry.epoch.value)
                                         : entry.savepoint);
    }
    return out;
  }
  std::set<std::string> Files() {
    auto files = Open()->ListFiles();
    EXPECT_TRUE(files.ok());
    return {files->begin(), files->end()};
  }

  fs::path folder_;
  const ManualClock clock_{1'700'000'000'000'000};
};

using Names = std::set<std::string>;

class CountingFiles final : public connector::testkit::PassingFiles {
 public:
  CountingFiles() : PassingFiles(io::MakeLocalFileSystem()) {}
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenRead(
      const std::string& path) override {
    if (path.ends_with(".manifest")) ++manifests_read;
    return PassingFiles::OpenRead(path);
  }
  int manifests_read = 0;
};

TEST_F(Retention, AnEpochCostsTheReadingOfOneManifest) {
  const auto files = std::make_shared<CountingFiles>();
  auto store = Open(files);
  ASSERT_OK(store->Acquire().status());
  constexpr int kRetained = 20;
  Pruner pruner(store.get());
  for (int64_t epoch = 1; epoch <= 3 * kRetained; ++epoch) {
    Decide(*store, epoch, {"always", std::to_string(epoch)});
    files->manifests_read = 0;
    ASSERT_OK(pruner.Prune(kRetained));
    EXPECT_EQ(files->manifests_read, 1) << epoch;
  }
  Names expected{"always"};
  for (int64_t epoch = 2 * kRetained; epoch <= 3 * kRetained; ++epoch)
    expected.insert(std::to_string(epoch));
  EXPECT_EQ(Files(), expected);
  // A savepoint whose name is given again names other files.
  ASSERT_OK(store->NameSavepoint(Epoch{45}, "kept"));
  ASSERT_OK(pruner.Prune(0));
  EXPECT_EQ(Files(), (Names{"always", "45", "60"}));
  ASSERT_OK(store->NameSavepoint(Epoch{60}, "kept"));
  Decide(*store, 61, {"always"});
  ASSERT_OK(pruner.Prune(0));
  EXPECT_EQ(Epochs(), (Names{"61", "kept"}));
  EXPECT_EQ(Files(), (Names{"always", "60"}));
}

// One that can't be read keeps every file, as long as it is there.
TEST_F(Retention, ADamagedManifestIsReadOnceAndKeepsAllFiles) {
  const auto files = std::make_shared<CountingFiles>();
  auto store = Open(files);
  ASSERT_OK(store->Acquire().status());
  Decide(*store, 1, {"a"});
  ASSERT_OK(store->WritePending(Epoch{2}, "damaged"));
  ASSERT_OK(store->Promote(Epoch{2}));
  Decide(*store, 3, {"c"});
  Pruner pruner(store.get());
  ASSERT_OK(pruner.Prune(1));
  EXPECT_EQ(Files(), (Names{"a", "c"}));
  EXPECT_EQ(files->manifests_read, 2);
  ASSERT_OK(pruner.Prune(1));
  EXPECT_EQ(files->manifests_read, 2);
  ASSERT_OK(pruner.Prune(0));
  EXPECT_EQ(Files(), (Names{"c"}));
}

TEST_F(Retention, TheNewestAndTheRetainedOnesStayWithTheirFiles) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  Decide(*store, 1, {"a"});
  Decide(*store, 2, {"a", "b"});
  ASSERT_OK(store->NameSavepoint(Epoch{1}, "before"));
  Decide(*store, 3, {"b", "c"});
  Decide(*store, 4, {"d"});
  ASSERT_OK(store->WritePending(Epoch{5}, "torn"));
  ASSERT_OK(Prune(*store, 2));
  EXPECT_EQ(Epochs(), (Names{"2", "3", "4", "before"}));
  EXPECT_EQ(Files(), (Names{"a", "b", "c", "d"}));
  ASSERT_OK(Prune(*store, 1));
  EXPECT_EQ(Epochs(), (Names{"3", "4", "before"}));
  EXPECT_EQ(Files(), (Names{"a", "b", "c", "d"}));
  ASSERT_OK_AND_ASSIGN(auto entries, store->List());
  for (const auto& entry : entries) {
    if (!entry.savepoint.empty()) ASSERT_OK(store->Remove(entry));
  }
  ASSERT_OK(Prune(*store, 0));
  EXPECT_EQ(Epochs(), (Names{"4"}));
  EXPECT_EQ(Files(), (Names{"d"}));
}

// One that can't be read may name any file.
TEST_F(Retention, ADamagedManifestKeepsEveryFile) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  Decide(*store, 1, {"a"});
  Decide(*store, 2, {"b"});
  ASSERT_OK(store->WritePending(Epoch{3}, "nonsense"));
  ASSERT_OK(store->Promote(Epoch{3}));
  Decide(*store, 4, {"c"});
  ASSERT_OK(Prune(*store, 1));
  EXPECT_EQ(Epochs(), (Names{"3", "4"}));
  EXPECT_EQ(Files(), (Names{"a", "b", "c"}));
}

// Cut off at any change, a finished pipeline is finished, and its savepoint is whole.
TEST_F(Retention, AFinishedPipelineKeepsItsSavepoints) {
  for (int64_t at = 0;; ++at) {
    SCOPED_TRACE(at);
    fs::remove_all(folder_);
    {
      auto store = Open();
      ASSERT_OK(store->Acquire().status());
      Decide(*store, 1, {"a"});
      ASSERT_OK(store->NameSavepoint(Epoch{1}, "nightly"));
      Decide(*store, 2, {"a", "b"});
      Decide(*store, 3, {});
    }
    auto dying = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), at,
                                               FaultyFiles::Fault::kDead);
    const Status status = Retire(*Open(dying));
    const Names epochs = Epochs();
    EXPECT_TRUE(epochs.contains("nightly"));
    EXPECT_TRUE(Files().contains("a"));
    EXPECT_EQ(status.ok(), !epochs.contains("3")) << status.ToString();
    ASSERT_OK(Retire(*Open()));
    EXPECT_EQ(Epochs(), (Names{"nightly"}));
    EXPECT_EQ(Files(), (Names{"a"}));
    if (!dying->met()) break;
    ASSERT_LT(at, 100);
  }
}

TEST_F(Retention, AFinishedPipelineWithoutSavepointsIsForgotten) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  Decide(*store, 1, {"a"});
  ASSERT_OK(Retire(*store));
  EXPECT_FALSE(fs::exists(folder_ / "p"));
}

}  // namespace
}  // namespace millrace::state
