// State files and the local store on a real folder.
#include <unistd.h>

#include <filesystem>

#include <arrow/api.h>

#include "millrace/base/error.h"
#include "millrace/base/memory_budget.h"
#include "millrace/base/testing.h"
#include "millrace/connector/testkit/faulty_files.h"
#include "millrace/data/key_hash.h"
#include "millrace/state/errors.h"
#include "millrace/state/local_manifest_store.h"
#include "millrace/state/state_file.h"

namespace millrace::state {
namespace {

namespace fs = std::filesystem;
using connector::ManifestState;
using connector::testkit::FaultyFiles;

class Store : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("millrace-state-" + std::to_string(::getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<connector::ManifestStore> Open(
      const std::string& name = "p", std::shared_ptr<io::FileSystem> files = nullptr) {
    if (!files) files = io::MakeLocalFileSystem();
    return MakeLocalManifestStore(files, &clock_, folder_.string(), name);
  }

  fs::path folder_;
  const ManualClock clock_{1'700'000'000'000'000};
};

// Cut off at any change, the newest manifest is there as long as anything else that
// counts is, and afterwards the pipeline is unknown.
TEST_F(Store, ForgettingEndsWithTheNewestManifest) {
  for (int64_t at = 0;; ++at) {
    SCOPED_TRACE(at);
    fs::remove_all(folder_);
    auto files = std::make_shared<FaultyFiles>(
        io::MakeLocalFileSystem(), int64_t{1} << 40, FaultyFiles::Fault::kDead);
    {
      auto store = Open("p", files);
      ASSERT_OK(store->Acquire().status());
      for (int64_t epoch = 1; epoch <= 3; ++epoch) {
        ASSERT_OK(store->WritePending(Epoch{epoch}, std::to_string(epoch)));
        if (epoch < 3) ASSERT_OK(store->Promote(Epoch{epoch}));
        ASSERT_OK_AND_ASSIGN(auto file, store->CreateFile(std::to_string(epoch)));
        ASSERT_OK(file->Close());
      }
    }
    auto dying = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), at,
                                               FaultyFiles::Fault::kDead);
    const Status status = Open("p", dying)->RemoveAll();
    const bool newest = fs::exists(folder_ / "p" / "epoch-00000000000000000002.manifest");
    const bool state =
        fs::exists(folder_ / "p" / "state") && !fs::is_empty(folder_ / "p" / "state");
    EXPECT_EQ(status.ok(), !newest) << status.ToString();
    EXPECT_TRUE(newest || !state);
    EXPECT_TRUE(newest ||
                !fs::exists(folder_ / "p" / "epoch-00000000000000000001.manifest"));
    if (!dying->met()) break;
    ASSERT_OK(Open()->RemoveAll());
    EXPECT_FALSE(fs::exists(folder_ / "p"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "p"));
}

// `values[i]` in key group i % 1024, all of it one piece.
Piece MakePiece(const std::string& part, Extent extent, int64_t begin, int64_t end) {
  arrow::UInt16Builder groups;
  arrow::Int64Builder values;
  for (int64_t i = begin; i < end; ++i) {
    EXPECT_TRUE((groups.Append(static_cast<uint16_t>(i % data::kKeyGroups))).ok());
    EXPECT_TRUE((values.Append(i)).ok());
  }
  auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field(std::string(kGroupColumn), arrow::uint16()),
                     arrow::field("v", arrow::int64())}),
      end - begin, {*groups.Finish(), *values.Finish()});
  Piece out;
  out.part = part;
  out.extent = extent;
  out.rows = *arrow::RecordBatchReader::Make({batch}, batch->schema());
  return out;
}

std::vector<int64_t> ValuesOf(const OperatorState& state, OperatorState::Rows rows) {
  std::vector<int64_t> out;
  const Status status = state.Visit("p", rows, [&](const auto& batch, Extent) {
    EXPECT_EQ(batch->num_columns(), 1);
    const auto& values = static_cast<const arrow::Int64Array&>(*batch->column(0));
    for (int64_t i = 0; i < values.length(); ++i) out.push_back(values.Value(i));
    return Status::OK();
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  return out;
}

TEST_F(Store, KeyGroupsMoveWithTheNumberOfTasks) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  arrow::MemoryPool* pool = ProcessMemoryPool();
  OperatorEntry entry;
  entry.tasks = 2;
  // Two tasks wrote, each its half of the 1,024 groups, the second in two steps.
  std::vector<std::vector<Piece>> first(1), second(1), third(1);
  first[0].push_back(MakePiece("p", Extent::kWhole, 0, 512));
  second[0].push_back(MakePiece("p", Extent::kWhole, 512, 1000));
  third[0].push_back(MakePiece("p", Extent::kChanges, 1000, 1024));
  int task = 0, file = 0;
  for (auto* pieces : {&first, &second, &third}) {
    ASSERT_OK_AND_ASSIGN(auto sections,
                         WriteStateFile(*store, "f" + std::to_string(file++), task,
                                        std::move(*pieces), pool));
    ASSERT_EQ(sections.size(), 1u);
    AppendSections(std::move(sections[0]), &entry.sections);
    task = 1;
  }
  ASSERT_EQ(entry.sections.size(), 3u);
  EXPECT_EQ(entry.sections[1].first_group, 512);
  EXPECT_EQ(entry.sections[1].last_group, 999);
  for (const int tasks : {1, 2, 3, 8}) {
    SCOPED_TRACE(tasks);
    std::vector<int64_t> all;
    for (int i = 0; i < tasks; ++i) {
      auto state = OpenOperatorState(store.get(), &entry, i, tasks, pool);
      const auto mine = ValuesOf(*state, OperatorState::Rows::kMine);
      for (const int64_t value : mine) EXPECT_EQ(value * tasks / 1024, i);
      all.insert(all.end(), mine.begin(), mine.end());
      EXPECT_EQ(ValuesOf(*state, OperatorState::Rows::kAll).size(), 1024u);
    }
    ASSERT_EQ(all.size(), 1024u);
    for (int64_t i = 0; i < 1024; ++i) EXPECT_EQ(all[static_cast<size_t>(i)], i);
  }
  auto state = OpenOperatorState(store.get(), &entry, 0, 1, pool);
  std::vector<int64_t> firsts;
  ASSERT_OK(state->VisitNewestFirst(
      "p", OperatorState::Rows::kMine, [&](const auto& batch, Extent extent) {
        firsts.push_back(extent == Extent::kChanges ? 1 : 0);
        firsts.push_back(batch->num_rows());
        return Status::OK();
      }));
  EXPECT_EQ(firsts, (std::vector<int64_t>{1, 24, 0, 488, 0, 512}));
  EXPECT_EQ(state->PartRows("p", OperatorState::Rows::kMine), 1000);
  entry.sections[2].part_rows = 512;
  EXPECT_EQ(state->PartRows("p", OperatorState::Rows::kMine), 1024);
}

TEST_F(Store, AFlippedByteOfAStateFileIsFound) {
  auto store = Open();
  ASSERT_OK(store->Acquire().status());
  std::vector<std::vector<Piece>> pieces(1);
  pieces[0].push_back(MakePiece("p", Extent::kWhole, 0, 10));
  OperatorEntry entry;
  ASSERT_OK_AND_ASSIGN(auto sections, WriteStateFile(*store, "f", 0, std::move(pieces),
                                                     ProcessMemoryPool()));
  entry.sections = sections[0];
  const fs::path path = folder_ / "p" / "state" / "f";
  const auto size = static_cast<int64_t>(fs::file_size(path));
  for (int64_t at = entry.sections[0].offset; at < size; at += 7) {
    for (int flip = 0; flip < 2; ++flip) {
      FILE* file = std::fopen(path.c_str(), "r+b");
      ASSERT_NE(file, nullptr);
      std::fseek(file, static_cast<long>(at), SEEK_SET);
      const int byte = std::fgetc(file);
      std::fseek(file, static_cast<long>(at), SEEK_SET);
      std::fputc(byte ^ 1, file);
      std::fclose(file);
      auto state = OpenOperatorState(store.get(), &entry, 0, 1, ProcessMemoryPool());
      int64_t seen = 0;
      const Status status =
          state->Visit("p", OperatorState::Rows::kMine, [&](const auto& rows, Extent) {
            seen += rows->num_rows();
            return Status::OK();
          });
      EXPECT_EQ(seen, flip == 0 ? 0 : 10) << at;
      EXPECT_EQ(ErrorNumber(status), flip == 0 ? errors::kStateDamaged.number : 0) << at;
    }
  }
}

TEST(AppendSections, AWholePieceReplacesWhatItsTaskWroteOfThatPart) {
  auto section = [](int task, const char* part, Extent extent, const char* file) {
    Section out;
    out.task = task;
    out.part = part;
    out.extent = extent;
    out.file = file;
    return out;
  };
  std::vector<Section> sections;
  AppendSections(
      {section(0, "a", Extent::kWhole, "1"), section(0, "b", Extent::kWhole, "2"),
       section(1, "a", Extent::kWhole, "3")},
      &sections);
  AppendSections({section(0, "a", Extent::kChanges, "4")}, &sections);
  auto files = [&] {
    std::string out;
    for (const Section& each : sections) out += each.file;
    return out;
  };
  EXPECT_EQ(files(), "1234");
  AppendSections({section(0, "a", Extent::kWhole, "5")}, &sections);
  EXPECT_EQ(files(), "235");
  AppendSections({section(1, "b", Extent::kChanges, "6")}, &sections);
  EXPECT_EQ(files(), "2356");
}

}  // namespace
}  // namespace millrace::state
