// Files that are watched: growth, half lines, rotation, truncation, deletion, restarts.
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "millrace/base/clock.h"
#include "millrace/connector/testkit/passing_files.h"
#include "millrace/connector/testkit/rows.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/files.h"
#include "millrace/connectors/files/watch_reader.h"
#include "millrace/formats/format.h"

namespace millrace::files {
namespace {

namespace fs = std::filesystem;
using connector::PollState;
using connector::testkit::Bell;

// The values of column n, in the order of their arrival.
using Numbers = std::vector<int64_t>;

constexpr int kExecutorThreads = 2;

class FilesWatch : public testing::TestWithParam<bool> {
 protected:
  FilesWatch() {
    folder_ =
        fs::temp_directory_path() / ("millrace-watch-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    surroundings_.files = io::MakeLocalFileSystem();
    surroundings_.executor = executor_.get();
    surroundings_.clock = &clock_;
    surroundings_.timers = timers_.get();
    surroundings_.memory = MemoryBudget::Make(1 << 30, ProcessMemoryPool());
    surroundings_.environment = [](const std::string&) { return std::nullopt; };
  }
  ~FilesWatch() override {
    Stop();
    fs::remove_all(folder_);
  }

  void Append(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::app) << text;
  }
  static std::string Lines(int64_t first, int64_t count) {
    std::string out;
    for (int64_t i = first; i < first + count; ++i) out += std::to_string(i) + "\n";
    return out;
  }
  static Numbers Range(int64_t first, int64_t count) {
    Numbers out;
    for (int64_t i = first; i < first + count; ++i) out.push_back(i);
    return out;
  }

  connector::Options Options(const std::string& pattern) const {
    return {{"path", (folder_ / pattern).string()},
            {"mode", "watch"},
            {"poll_interval", "20ms"},
            {"notify", GetParam() ? "true" : "false"}};
  }

  void Start(const connector::Options& options) {
    ASSERT_OK_AND_ASSIGN(source_,
                         connector_.make_source(options, declared_, surroundings_));
    if (!state_.empty()) {
      ASSERT_OK(source_->Restore(state_, unfinished_));
    }
    discovered_ = false;
    Discover();
    source_->WakeOnNewSplits(Waker(found_));
    bell_->Wake();  // a reader is asked once without a wake
  }

  // What a checkpoint would keep, then the end of this process.
  void Checkpoint() {
    ASSERT_OK_AND_ASSIGN(state_, source_->DiscoveryState());
    unfinished_.clear();
    for (const auto& [id, reader] : readers_) {
      unfinished_.push_back({splits_[id], positions_[id]});
    }
  }
  // As if there had been no run before.
  void Forget() {
    positions_.clear();
    splits_.clear();
    by_split_.clear();
    ended_.clear();
    state_.clear();
    unfinished_.clear();
    rows_.clear();
    letters_.clear();
    error_ = Status::OK();
  }
  void Stop() {
    readers_.clear();
    source_.reset();
  }

  void Discover() {
    ASSERT_OK_AND_ASSIGN(const auto splits, source_->Discover());
    if (!std::exchange(discovered_, true)) source_->Push({});
    for (const connector::Split& split : splits) {
      ASSERT_FALSE(readers_.contains(split.id.value)) << "told twice";
      ASSERT_OK_AND_ASSIGN(auto reader, source_->Open(split));
      ASSERT_OK(reader->Seek(positions_[split.id.value]));
      readers_[split.id.value] = std::move(reader);
      splits_[split.id.value] = split;
    }
  }

  // Read all there is now; readers that end are taken away.
  void ReadAll() {
    for (auto at = readers_.begin(); at != readers_.end();) {
      for (;;) {
        auto polled = at->second->Poll({.rows = 3, .bytes = 100}, Waker(bell_));
        if (!polled.ok() && expects_error_) {
          error_ = polled.status();
          at = readers_.erase(at);
          break;
        }
        ASSERT_OK(polled.status());
        for (const data::DeadLetter& letter : polled->dead_letters)
          letters_.push_back(letter.raw);
        if (polled->state == PollState::kBatch) {
          const auto& column =
              static_cast<const arrow::Int64Array&>(*polled->batch.rows->column(0));
          for (int64_t i = 0; i < column.length(); ++i) {
            EXPECT_FALSE(column.IsNull(i));
            rows_.push_back(column.Value(i));
            by_split_[at->first].push_back(column.Value(i));
          }
          EXPECT_LT(positions_[at->first], polled->batch.end) << "positions ascend";
          positions_[at->first] = polled->batch.end;
          continue;
        }
        if (polled->state == PollState::kEnd) {
          ended_.push_back(at->first);
          at = readers_.erase(at);
        } else {
          EXPECT_EQ(polled->state, PollState::kCaughtUp);
          ++at;
        }
        break;
      }
    }
  }

  // Driven by wakes alone, until `done` or a deadline.
  template <typename Done>
  bool Until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      const bool found = found_->Take(), changed = bell_->Take();
      if (found) Discover();
      if (found || changed) ReadAll();
      if (done()) return true;
      ::usleep(1000);
    }
    return false;
  }
  bool UntilRows(size_t count) {
    return Until([&] { return rows_.size() >= count; });
  }
  // Long enough for every look that could find something.
  void Quiet() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(150);
    Until([&] { return std::chrono::steady_clock::now() > end; });
  }

  class Flag final : public Wakeable {
   public:
    void Wake() override { raised_ = true; }
    bool Take() { return raised_.exchange(false); }

   private:
    std::atomic<bool> raised_{true};
  };

  fs::path folder_;
  SystemClock clock_;
  std::unique_ptr<Timers> timers_ = MakeThreadTimers(&clock_);
  std::unique_ptr<Executor> executor_ = MakeThreadExecutor(kExecutorThreads);
  connector::Surroundings surroundings_;
  connector::ConnectorSpec connector_ =
      MakeFilesConnector({formats::MakeCsvFormat(), formats::MakeJsonFormat(),
                          formats::MakeParquetFormat()});
  std::shared_ptr<arrow::Schema> declared_ =
      arrow::schema({arrow::field("n", arrow::int64())});
  std::shared_ptr<Flag> found_ = std::make_shared<Flag>();
  std::shared_ptr<Flag> bell_ = std::make_shared<Flag>();
  std::unique_ptr<connector::Source> source_;
  bool discovered_ = false;
  std::map<int64_t, std::unique_ptr<connector::SplitReader>> readers_;
  std::map<int64_t, connector::Split> splits_;
  std::map<int64_t, data::Position> positions_;
  std::map<int64_t, Numbers> by_split_;
  std::vector<int64_t> ended_;
  std::string state_;
  std::vector<connector::SplitState> unfinished_;
  Numbers rows_;
  std::vector<std::string> letters_;
  bool expects_error_ = false;
  Status error_;
};

TEST_P(FilesWatch, LinesAreReadAsTheyAreCompleted) {
  Append("a.csv", "n\n" + Lines(0, 10) + "1");
  Start(Options("*.csv"));
  EXPECT_FALSE(source_->bounded());
  ASSERT_TRUE(UntilRows(10));
  Quiet();
  EXPECT_EQ(rows_, Range(0, 10)) << "the half line waits";
  Append("a.csv", "0\n" + Lines(11, 5));
  ASSERT_TRUE(UntilRows(16));
  EXPECT_EQ(rows_, Range(0, 16));
}

TEST_P(FilesWatch, HeadersAreOfEachFileAndComeInPieces) {
  Append("a.csv", "");
  Start(Options("*.csv"));
  Append("a.csv", "other,");
  Quiet();
  Append("a.csv", "n\n");
  Quiet();
  EXPECT_EQ(rows_, Numbers());
  Append("a.csv", "x,7\n\"quoted\nline\",8\n\"half\n");
  ASSERT_TRUE(UntilRows(2));
  Quiet();
  EXPECT_EQ(rows_, (Numbers{7, 8})) << "a record with an open quote waits";
  Append("a.csv", "\",9\n");
  Append("b.csv", "n,more\n10,x\n");
  ASSERT_TRUE(UntilRows(4));
  std::sort(rows_.begin(), rows_.end());
  EXPECT_EQ(rows_, Range(7, 4));
}

TEST_P(FilesWatch, NewFilesAreFoundInNewFolders) {
  Append("a.csv", "n\n1\n");
  Start(Options("**/*.csv"));
  ASSERT_TRUE(UntilRows(1));
  fs::create_directories(folder_ / "deep" / "deeper");
  Append("deep/deeper/b.csv", "n\n2\n");
  ASSERT_TRUE(UntilRows(2));
  Append("deep/deeper/b.csv", "3\n");
  ASSERT_TRUE(UntilRows(3));
  EXPECT_EQ(rows_, Range(1, 3));
  EXPECT_EQ(splits_.size(), 2);
}

TEST_P(FilesWatch, RotationLosesAndRepeatsNothing) {
  Append("log.csv", "n\n");
  Start(Options("log.csv*"));
  Numbers expected;
  int64_t next = 0;
  for (int turn = 0; turn < 5; ++turn) {
    Append("log.csv", Lines(next, 10));
    next += 10;
    if (turn % 2 == 0) {
      ASSERT_TRUE(UntilRows(static_cast<size_t>(next)));
    }
    for (int i = 4; i >= 1; --i) {
      const std::string from = "log.csv" + (i == 1 ? "" : "." + std::to_string(i - 1));
      if (fs::exists(folder_ / from))
        fs::rename(folder_ / from, folder_ / ("log.csv." + std::to_string(i)));
    }
    // The writer goes on in the old file for a while.
    Append("log.csv.1", Lines(next, 3));
    Append("log.csv", "n\n");
    next += 3;
  }
  ASSERT_TRUE(UntilRows(static_cast<size_t>(next)));
  Quiet();
  std::sort(rows_.begin(), rows_.end());
  EXPECT_EQ(rows_, Range(0, next));
}

TEST_P(FilesWatch, AFileThatLeavesThePatternIsReadToItsEnd) {
  Append("a.csv", "n\n0\n");
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(1));
  fs::rename(folder_ / "a.csv", folder_ / "a.old");
  Append("a.old", "1\n");
  Append("a.csv", "n\n2\n");
  ASSERT_TRUE(UntilRows(3));
  EXPECT_EQ(splits_.size(), 2);
  EXPECT_EQ(by_split_[0], (Numbers{0, 1}));
  EXPECT_EQ(by_split_[1], Numbers{2});
}

TEST_P(FilesWatch, ATruncatedFileBeginsAnew) {
  Append("a.csv", "n\n" + Lines(0, 5));
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(5));
  std::ofstream(folder_ / "a.csv", std::ios::trunc) << "n\n" << Lines(100, 2);
  ASSERT_TRUE(UntilRows(7));
  Append("a.csv", Lines(102, 50));
  ASSERT_TRUE(UntilRows(57));
  Numbers expected = Range(0, 5);
  for (int64_t i : Range(100, 52)) expected.push_back(i);
  EXPECT_EQ(rows_, expected);
  // Written anew with more than there was: its first bytes tell.
  std::ofstream(folder_ / "a.csv", std::ios::trunc) << "n\n" << Lines(1000, 400);
  ASSERT_TRUE(UntilRows(457));
  EXPECT_EQ(rows_.back(), 1399);
  EXPECT_EQ(splits_.size(), 1);
}

TEST_P(FilesWatch, DeletedFilesEnd) {
  Append("a.csv", "n\n1\n");
  Append("b.csv", "n\n2\n");
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(2));
  fs::remove(folder_ / "a.csv");
  ASSERT_TRUE(Until([&] { return ended_.size() == 1; }));
  EXPECT_EQ(ended_, std::vector<int64_t>{0});
  Append("b.csv", "3\n");
  ASSERT_TRUE(UntilRows(3));
}

TEST_P(FilesWatch, ARestartGoesOnAtThePositions) {
  Append("a.csv", "n\n" + Lines(0, 20));
  Append("b.csv", "n\n" + Lines(100, 20));
  Append("c.csv", "n\n" + Lines(200, 20));
  Start(Options("*.csv*"));
  ASSERT_TRUE(UntilRows(60));
  Checkpoint();
  Stop();
  // While nobody looks: one grows under another name, one begins anew, one goes, one
  // comes.
  fs::rename(folder_ / "a.csv", folder_ / "a.csv.1");
  Append("a.csv.1", Lines(20, 5));
  Append("a.csv", "n\n" + Lines(50, 5));
  std::ofstream(folder_ / "b.csv", std::ios::trunc) << "n\n" << Lines(150, 3);
  fs::remove(folder_ / "c.csv");
  Append("d.csv", "n\n" + Lines(300, 2));
  rows_.clear();
  Start(Options("*.csv*"));
  ASSERT_TRUE(UntilRows(15));
  ASSERT_TRUE(Until([&] { return ended_.size() == 1; }));
  Quiet();
  std::sort(rows_.begin(), rows_.end());
  Numbers expected = Range(20, 5);
  for (const auto& [first, count] :
       std::vector<std::pair<int64_t, int64_t>>{{50, 5}, {150, 3}, {300, 2}}) {
    for (int64_t i : Range(first, count)) expected.push_back(i);
  }
  EXPECT_EQ(rows_, expected);
  EXPECT_EQ(ended_, std::vector<int64_t>{2});
}

TEST_P(FilesWatch, ParquetFilesAreReadOnceAndWhole) {
  const fs::path whole = folder_ / "source.bin";
  {
    connector::Options options = {{"path", whole.string()}, {"format", "parquet"}};
    ASSERT_OK_AND_ASSIGN(auto sink, connector_.make_sink(options, surroundings_));
    ASSERT_OK(sink->EnsureTable(declared_, {}));
    ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
    arrow::Int64Builder numbers(ProcessMemoryPool());
    ASSERT_OK(numbers.AppendValues(Range(0, 50)));
    data::Batch batch;
    batch.rows = arrow::RecordBatch::Make(declared_, 50, {numbers.Finish().ValueOrDie()});
    ASSERT_OK(writer->Write(batch, {}).status());
    auto token = writer->Prepare(Epoch{1}, true);
    ASSERT_OK(token.status());
    ASSERT_OK(sink->committer().Commit(Epoch{1}, {*token.result()}).status());
  }
  std::ifstream in(whole, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  Append("a.parquet", bytes.substr(0, bytes.size() / 2));
  Start(Options("*.parquet"));
  Quiet();
  EXPECT_EQ(rows_, Numbers());
  Append("a.parquet", bytes.substr(bytes.size() / 2));
  ASSERT_TRUE(Until([&] { return !ended_.empty(); }));
  EXPECT_EQ(rows_, Range(0, 50));
  Checkpoint();
  Stop();
  Append("b.parquet", bytes);
  Start(Options("*.parquet"));
  ASSERT_TRUE(UntilRows(100));
  Quiet();
  EXPECT_EQ(rows_.size(), 100) << "the first is not read again";
}

TEST_P(FilesWatch, ColumnsAreLearntFromCompleteLines) {
  declared_ = nullptr;
  Append("a.csv", "n,t\n1,x\n2,");
  auto made = connector_.make_source(Options("*.csv"), nullptr, surroundings_);
  ASSERT_OK(made.status());
  ASSERT_OK_AND_ASSIGN(const auto schema, (*made)->InferSchema());
  EXPECT_EQ(schema->ToString(), "n: int64\nt: string");
  made = connector_.make_source(Options("*.none.csv"), nullptr, surroundings_);
  ASSERT_OK(made.status());
  EXPECT_EQ(ErrorNumber((*made)->InferSchema().status()), errors::kNothingToInfer.number);
}

// What a later file of text may differ in, by policy. Column n is the first that is
// declared.
struct LaterFile {
  std::string name, text;
  bool strict, others;  // accepted
  Numbers rows;
};

TEST_P(FilesWatch, LaterFilesAreJudgedByThePolicy) {
  const std::vector<LaterFile> cases = {
      {"same.csv", "n,t\n7,x\n", true, true, {7}},
      {"reordered.csv", "t,n\nx,7\n", false, true, {7}},
      {"added.csv", "t,u,n\nx,9,7\n", false, true, {7}},
      {"removed.csv", "n\n7\n", false, true, {7}},
      {"renamed.csv", "n,u\n7,x\n", false, true, {7}},
      {"same.json", "{\"n\":7,\"t\":\"x\"}\n", true, true, {7}},
      {"added.json", "{\"n\":7,\"t\":\"x\",\"u\":1}\n", false, true, {7}},
      {"removed.json", "{\"n\":7}\n", false, true, {7}},
  };
  declared_ = arrow::schema(
      {arrow::field("n", arrow::int64()), arrow::field("t", arrow::utf8())});
  int number = 0;
  for (const LaterFile& later : cases) {
    for (const char* policy : {"strict", "default", "flexible"}) {
      SCOPED_TRACE(later.name + " " + policy);
      const bool accepted = std::string(policy) == "strict" ? later.strict : later.others;
      const bool json = later.name.ends_with("json");
      const std::string folder = std::to_string(number++);
      fs::create_directories(folder_ / folder);
      Append(folder + (json ? "/0.json" : "/0.csv"),
             json ? "{\"n\":1,\"t\":\"x\"}\n" : "n,t\n1,x\n");
      connector::Options options = Options(folder + (json ? "/*.json" : "/*.csv"));
      options["schema_policy"] = policy;
      expects_error_ = !accepted;
      Start(options);
      ASSERT_TRUE(UntilRows(1));
      // The header, where there is one, comes before its rows.
      const size_t line = later.text.find('\n') + 1;
      Append(folder + "/" + later.name, later.text.substr(0, line));
      if (accepted) Quiet();
      Append(folder + "/" + later.name, later.text.substr(line));
      Numbers expected{1};
      if (accepted) {
        for (int64_t row : later.rows) expected.push_back(row);
        ASSERT_TRUE(UntilRows(expected.size()));
      } else {
        ASSERT_TRUE(Until([&] { return !error_.ok(); }));
        EXPECT_EQ(ErrorNumber(error_), errors::kSchemaDiffers.number);
        EXPECT_NE(error_.message().find("default or flexible"), std::string::npos)
            << error_.message();
      }
      EXPECT_EQ(rows_, expected);
      Stop();
      Forget();
    }
  }
}

TEST_P(FilesWatch, ANewGenerationIsJudgedAgain) {
  declared_ = arrow::schema(
      {arrow::field("n", arrow::int64()), arrow::field("t", arrow::utf8())});
  Append("a.csv", "n,t\n1,x\n2,x\n3,x\n");
  connector::Options options = Options("*.csv");
  options["schema_policy"] = "default";
  Start(options);
  ASSERT_TRUE(UntilRows(3));
  std::ofstream(folder_ / "a.csv", std::ios::trunc) << "t,more,n\ny,2,4\n";
  ASSERT_TRUE(UntilRows(4));
  Append("a.csv", "y,2,5\n");
  ASSERT_TRUE(UntilRows(5));
  Checkpoint();
  Stop();
  Append("a.csv", "y,2,6\n");
  Start(options);
  ASSERT_TRUE(UntilRows(6));
  EXPECT_EQ(rows_, Range(1, 6));
  // Refused is refused, also when it is tried again.
  Checkpoint();
  Stop();
  std::ofstream(folder_ / "a.csv", std::ios::trunc) << "t\ny\n";
  options["schema_policy"] = "strict";
  expects_error_ = true;
  for (int i = 0; i < 2; ++i) {
    error_ = Status::OK();
    Start(options);
    ASSERT_TRUE(Until([&] { return !error_.ok(); }));
    EXPECT_EQ(ErrorNumber(error_), errors::kSchemaDiffers.number);
    Stop();
  }
  EXPECT_EQ(rows_.size(), 6);
}

TEST_P(FilesWatch, NewFieldsOfAFileThatGrowsAreJudged) {
  Append("a.json", "{\"n\":1}\n");
  connector::Options options = Options("*.json");
  options["schema_policy"] = "strict";
  Start(options);
  ASSERT_TRUE(UntilRows(1));
  Append("a.json", "{\"n\":2}\n");
  ASSERT_TRUE(UntilRows(2));
  expects_error_ = true;
  Append("a.json", "{\"n\":3,\"m\":1}\n");
  ASSERT_TRUE(Until([&] { return !error_.ok(); }));
  EXPECT_EQ(ErrorNumber(error_), errors::kSchemaDiffers.number);
  EXPECT_EQ(rows_, Range(1, 2));
}

TEST_P(FilesWatch, WithoutAPolicyNamesOfAHeaderCount) {
  declared_ = nullptr;
  Append("a.csv", "n,t\n1,x\n");
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(1));
  Append("b.csv", "t,n\nx,2\n");
  ASSERT_TRUE(UntilRows(2));
  EXPECT_EQ(rows_, Range(1, 2));
  expects_error_ = true;
  // As wide, and no column of it is known under that name.
  Append("c.csv", "m,t\n3,x\n");
  ASSERT_TRUE(Until([&] { return !error_.ok(); }));
  EXPECT_EQ(ErrorNumber(error_), errors::kSchemaDiffers.number);
  EXPECT_EQ(rows_, Range(1, 2));
}

TEST_P(FilesWatch, EveryFileIsComparedWithAllBeforeIt) {
  Append("a.csv", "n\n1\n");
  declared_ = arrow::schema({arrow::field("n", arrow::int64(), /*nullable=*/true)});
  connector::Options options = Options("*.parquet");
  options["schema_policy"] = "flexible";
  options["compatibility"] = "backward_transitive";
  auto write = [&](const std::string& name,
                   const std::shared_ptr<arrow::DataType>& type) {
    auto schema =
        arrow::schema({arrow::field("n", arrow::int64()), arrow::field("c", type)});
    connector::Options to = {{"path", (folder_ / "made.bin").string()},
                             {"format", "parquet"},
                             {"mode", "overwrite"}};
    ASSERT_OK_AND_ASSIGN(auto sink, connector_.make_sink(to, surroundings_));
    ASSERT_OK(sink->EnsureTable(schema, {}));
    ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
    arrow::Int64Builder numbers(ProcessMemoryPool());
    ASSERT_OK(numbers.Append(7));
    ASSERT_OK_AND_ASSIGN(auto none, arrow::MakeArrayOfNull(type, 1, ProcessMemoryPool()));
    data::Batch batch;
    batch.rows =
        arrow::RecordBatch::Make(schema, 1, {numbers.Finish().ValueOrDie(), none});
    ASSERT_OK(writer->Write(batch, {}).status());
    auto token = writer->Prepare(Epoch{1}, true);
    ASSERT_OK(token.status());
    ASSERT_OK(sink->committer().Commit(Epoch{1}, {*token.result()}).status());
    fs::rename(folder_ / "made.bin", folder_ / name);
  };
  write("a.parquet", arrow::int64());
  Start(options);
  ASSERT_TRUE(UntilRows(1));
  ASSERT_TRUE(Until([&] { return ended_.size() == 1; }));
  Discover();
  Checkpoint();
  Stop();
  fs::remove(folder_ / "a.parquet");
  // INTEGER after BIGINT: harmless beside the declared columns, which have no c, and not
  // beside the file that is gone.
  write("b.parquet", arrow::int32());
  ASSERT_OK_AND_ASSIGN(source_,
                       connector_.make_source(options, declared_, surroundings_));
  ASSERT_OK(source_->Restore(state_, unfinished_));
  const Status refused = source_->Discover().status();
  EXPECT_EQ(ErrorNumber(refused), errors::kSchemaDiffers.number) << refused.ToString();
  EXPECT_NE(refused.message().find("a.parquet"), std::string::npos) << refused.message();
}

TEST_P(FilesWatch, DamagedStatesAreRefused) {
  for (const char* state :
       {"", "{", "[]", "{\"next\":1,\"files\":[[1,2]]}", "{\"next\":\"x\",\"files\":[]}",
        "{\"next\":1,\"files\":[],\"schema\":\"%\"}"}) {
    ASSERT_OK_AND_ASSIGN(
        auto source, connector_.make_source(Options("*.csv"), nullptr, surroundings_));
    EXPECT_EQ(ErrorNumber(source->Restore(state, {})), errors::kBadFilesState.number)
        << state;
  }
}

TEST_P(FilesWatch, ThousandsOfQuietFiles) {
  constexpr int kFiles = 3000;
  for (int i = 0; i < kFiles; ++i) {
    Append(std::to_string(i) + ".csv", "n\n" + std::to_string(i) + "\n");
  }
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(kFiles));
  size_t descriptors = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    descriptors += fs::is_symlink(entry) ? 1 : 0;
  }
  EXPECT_LT(descriptors, 100);
  Append("1234.csv", "5000\n");
  ASSERT_TRUE(UntilRows(kFiles + 1));
  EXPECT_EQ(rows_.back(), 5000);
}

// Every file has the same number, as if each had taken over that of the one before.
class OneNumber final : public connector::testkit::PassingFiles {
 public:
  explicit OneNumber(bool keeps_births)
      : PassingFiles(io::MakeLocalFileSystem()), keeps_births_(keeps_births) {}
  Result<io::FileInfo> Stat(const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(auto info, PassingFiles::Stat(path));
    Alter(&info);
    return info;
  }
  Result<std::vector<io::FileInfo>> List(const std::string& folder) override {
    ARROW_ASSIGN_OR_RAISE(auto infos, PassingFiles::List(folder));
    for (io::FileInfo& info : infos) Alter(&info);
    return infos;
  }
  std::atomic<int64_t> born{1};  // of files that are looked at from now on

 private:
  void Alter(io::FileInfo* info) const {
    if (info->directory) return;
    info->inode = 42;
    info->born_micros = keeps_births_ ? born.load() : 0;
  }
  const bool keeps_births_;
};

TEST_P(FilesWatch, AFileThatTakesOverANumberIsAnother) {
  // As many bytes as the mark of the beginning has, and more.
  constexpr int64_t kSame = 2000;
  const std::string same = "n\n" + Lines(0, kSame);
  ASSERT_GT(same.size(), 8192);
  for (const bool births : {true, false}) {
    SCOPED_TRACE(births);
    const auto files = std::make_shared<OneNumber>(births);
    surroundings_.files = files;
    // Where births are kept nothing else need differ.
    const std::string old_rows = births ? "" : Lines(5000, 10);
    Append("a.csv", same + old_rows);
    const size_t before = static_cast<size_t>(kSame) + (births ? 0 : 10);
    Start(Options("*.csv"));
    ASSERT_TRUE(UntilRows(before));
    Checkpoint();
    Stop();
    fs::remove(folder_ / "a.csv");
    files->born = 2;
    Append("b.csv", same + Lines(6000, 20));
    rows_.clear();
    Start(Options("*.csv"));
    ASSERT_TRUE(UntilRows(kSame + 20));
    Quiet();
    Numbers expected = Range(0, kSame);
    for (int64_t i : Range(6000, 20)) expected.push_back(i);
    EXPECT_EQ(rows_, expected);
    // While it is looked at.
    rows_.clear();
    fs::remove(folder_ / "b.csv");
    files->born = 3;
    Append("c.csv", same + Lines(7000, 30));
    ASSERT_TRUE(UntilRows(kSame + 30));
    Quiet();
    EXPECT_EQ(rows_.size(), kSame + 30);
    EXPECT_EQ(rows_.back(), 7029);
    Stop();
    Forget();
    fs::remove(folder_ / "c.csv");
  }
}

TEST_P(FilesWatch, AShortFileStaysTheSameAsItGrows) {
  Append("a.csv", "n\n");
  Start(Options("*.csv"));
  int64_t next = 0;
  for (const int64_t count : {1, 3, 50, 60, 1500, 5, 3000}) {
    Append("a.csv", Lines(next, count));
    next += count;
    ASSERT_TRUE(UntilRows(static_cast<size_t>(next)));
    Checkpoint();
    Stop();
    Start(Options("*.csv"));
  }
  Quiet();
  EXPECT_EQ(rows_, Range(0, next));
  EXPECT_EQ(splits_.size(), 1);
}

TEST_P(FilesWatch, WrittenAnewWithTheSameBeginningAndMore) {
  const std::string same = "n\n" + Lines(0, 2000);
  Append("a.csv", same + Lines(3000, 5));
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(2005));
  rows_.clear();
  Checkpoint();
  Stop();
  std::ofstream(folder_ / "a.csv", std::ios::trunc) << same << Lines(4000, 9);
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(2009));
  EXPECT_EQ(rows_.back(), 4008);
}

// Positions and states of the first version: marks of 256 bytes, no time of birth,
// nothing of what was read last.
TEST_P(FilesWatch, CheckpointsOfTheFirstVersionAreGoneOnFrom) {
  Append("a.csv", "n\n" + Lines(0, 500));
  Append("b.csv", "n\n" + Lines(0, 3));
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(503));
  Checkpoint();
  Stop();
  auto number = [](uint64_t value) {
    std::string out;
    for (int shift = 56; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(value >> shift));
    return out;
  };
  auto state = nlohmann::json::parse(state_);
  for (auto& file : state["files"]) {
    const auto path = file[0].get<std::string>();
    const auto size = static_cast<int64_t>(fs::file_size(path));
    ASSERT_OK_AND_ASSIGN(auto opened, surroundings_.files->OpenRead(path));
    ASSERT_OK_AND_ASSIGN(const FileMark mark,
                         MarkOf(*opened, std::min<int64_t>(size, 256)));
    file[3] = static_cast<uint64_t>(mark.size);
    file[4] = mark.hash;
    file.erase(6);
    positions_[file[5].get<int64_t>()] =
        data::Position(number(0) + number(0) + number(static_cast<uint64_t>(size)) +
                       number(static_cast<uint64_t>(mark.size)) + number(mark.hash));
  }
  state_ = state.dump();
  for (auto& split : unfinished_) split.position = positions_[split.split.id.value];
  Append("a.csv", Lines(500, 4));
  Append("b.csv", Lines(600, 2));
  rows_.clear();
  Start(Options("*.csv"));
  ASSERT_TRUE(UntilRows(6));
  Quiet();
  std::sort(rows_.begin(), rows_.end());
  EXPECT_EQ(rows_, (Numbers{500, 501, 502, 503, 600, 601}));
  // And what no version that is known gave out is refused.
  EXPECT_FALSE(WatchPosition::Decode(data::Position(std::string(64, '\x7F'))));
}

// Sources that nothing but a notice wakes.
class FilesNotices : public FilesWatch {
 protected:
  struct Watching {
    std::unique_ptr<connector::Source> source;
    std::shared_ptr<Flag> told = std::make_shared<Flag>();
  };
  Result<Watching> Watch(const std::string& pattern) {
    connector::Options options = Options(pattern);
    options["poll_interval"] = "1h";
    Watching out;
    ARROW_ASSIGN_OR_RAISE(out.source,
                          connector_.make_source(options, declared_, surroundings_));
    ARROW_RETURN_NOT_OK(out.source->Discover().status());
    out.told->Take();
    out.source->WakeOnNewSplits(Waker(out.told));
    return out;
  }
  // The names of splits that were found since.
  static std::vector<std::string> Found(Watching& watching) {
    std::vector<std::string> out;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (out.empty() && std::chrono::steady_clock::now() < deadline) {
      if (!watching.told->Take()) {
        ::usleep(1000);
        continue;
      }
      for (const auto& split : watching.source->Discover().ValueOrDie()) {
        out.push_back(fs::path(split.name).filename().string());
      }
    }
    return out;
  }

  static int Instances() {
    int out = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      out += fs::read_symlink(entry, error) == "anon_inode:inotify" ? 1 : 0;
    }
    return out;
  }
  static int64_t Threads() {
    return std::distance(fs::directory_iterator("/proc/self/task"), {});
  }
};

// The system gives a user 128 instances; a thread for each of 300 would be as many.
TEST_P(FilesNotices, WatchersOfAProcessShareOneThread) {
  constexpr int kWatchers = 300;
  std::vector<Watching> all;
  int64_t threads = 0;
  for (int i = 0; i < kWatchers; ++i) {
    const std::string folder = std::to_string(i);
    fs::create_directories(folder_ / folder);
    ASSERT_OK_AND_ASSIGN(Watching watching, Watch(folder + "/*.csv"));
    all.push_back(std::move(watching));
    if (i == 0) threads = Threads();
  }
  EXPECT_EQ(Instances(), 1);
  // Those of the executor may have begun meanwhile.
  EXPECT_LE(Threads(), threads + kExecutorThreads);
  for (int i = 0; i < kWatchers; ++i) {
    Append(fmt::format("{}/{}.csv", i, i), "n\n1\n");
  }
  for (int i = 0; i < kWatchers; ++i) {
    ASSERT_EQ(Found(all[static_cast<size_t>(i)]),
              std::vector<std::string>{fmt::format("{}.csv", i)});
  }
  threads = Threads();
  all.clear();
  EXPECT_EQ(Instances(), 0);
  // A thread that was joined may be listed for a moment.
  for (int i = 0; i < 1000 && Threads() >= threads; ++i) ::usleep(1000);
  EXPECT_EQ(Threads(), threads - 1);
}

TEST_P(FilesNotices, WatchersOfOneFolderDoNotNeedEachOther) {
  fs::create_directories(folder_ / "same");
  fs::create_directory_symlink(folder_ / "same", folder_ / "link");
  ASSERT_OK_AND_ASSIGN(Watching first, Watch("same/*.csv"));
  ASSERT_OK_AND_ASSIGN(Watching second, Watch("same/*.csv"));
  ASSERT_OK_AND_ASSIGN(Watching third, Watch("link/*.csv"));
  Append("same/a.csv", "n\n1\n");
  for (Watching* one : {&first, &second, &third}) {
    EXPECT_EQ(Found(*one), std::vector<std::string>{"a.csv"});
  }
  first.source.reset();
  Append("same/b.csv", "n\n1\n");
  for (Watching* one : {&second, &third}) {
    EXPECT_EQ(Found(*one), std::vector<std::string>{"b.csv"});
  }
  second.source.reset();
  Append("link/c.csv", "n\n1\n");
  EXPECT_EQ(Found(third), std::vector<std::string>{"c.csv"});
  // The folder goes, and another one comes under its name.
  fs::rename(folder_ / "same", folder_ / "away");
  fs::create_directories(folder_ / "same");
  Append("away/d.csv", "n\n1\n");
  third.source.reset();
  EXPECT_EQ(Instances(), 0);
}

INSTANTIATE_TEST_SUITE_P(How, FilesNotices, testing::Values(true),
                         [](const auto&) { return std::string("Notices"); });

INSTANTIATE_TEST_SUITE_P(How, FilesWatch, testing::Values(true, false),
                         [](const auto& info) {
                           return std::string(info.param ? "Notices" : "Polling");
                         });

}  // namespace
}  // namespace millrace::files
