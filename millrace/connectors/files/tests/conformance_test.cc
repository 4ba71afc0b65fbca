// The files connector keeps to what every connector keeps to, in each of its formats.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "millrace/base/clock.h"
#include "millrace/connector/resilience/errors.h"
#include "millrace/connector/resilience/resilience.h"
#include "millrace/connector/testkit/passing_files.h"
#include "millrace/connector/testkit/sink_checks.h"
#include "millrace/connector/testkit/source_checks.h"
#include "millrace/connectors/files/files.h"
#include "millrace/formats/format.h"

namespace millrace::files {
namespace {

using connector::Options;
using connector::testkit::Rows;

struct FormatCase {
  std::string name;
  Options write_options;
  int64_t overshoot;  // rows of a batch beyond its budget
};

void PrintTo(const FormatCase& test, std::ostream* out) { *out << test.name; }

class FilesConformance : public testing::TestWithParam<FormatCase> {
 protected:
  FilesConformance() {
    folder_ = std::filesystem::temp_directory_path() /
              ("millrace-conformance-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    surroundings_.files = io::MakeLocalFileSystem();
    surroundings_.executor = executor_.get();
    surroundings_.clock = &clock_;
    surroundings_.timers = timers_.get();
    surroundings_.memory = MemoryBudget::Make(1 << 30, ProcessMemoryPool());
    surroundings_.environment = [](const std::string&) { return std::nullopt; };
    surroundings_.pipeline = "conformance";
  }
  ~FilesConformance() override { std::filesystem::remove_all(folder_); }

  static std::shared_ptr<arrow::RecordBatch> Sample(int64_t rows) {
    arrow::Int64Builder numbers(ProcessMemoryPool());
    arrow::StringBuilder words(ProcessMemoryPool());
    arrow::DoubleBuilder halves(ProcessMemoryPool());
    for (int64_t i = 0; i < rows; ++i) {
      EXPECT_TRUE(numbers.Append(i).ok());
      const std::string word = i % 5 == 0 ? "line\nbreak, \"quoted\"" : "word";
      EXPECT_TRUE(
          (i % 7 == 3 ? words.AppendNull() : words.Append(word + std::to_string(i)))
              .ok());
      EXPECT_TRUE(halves.Append(static_cast<double>(i) + 0.5).ok());
    }
    return arrow::RecordBatch::Make(
        arrow::schema({arrow::field("n", arrow::int64()),
                       arrow::field("word", arrow::utf8()),
                       arrow::field("half", arrow::float64())}),
        rows,
        {numbers.Finish().ValueOrDie(), words.Finish().ValueOrDie(),
         halves.Finish().ValueOrDie()});
  }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  Result<std::unique_ptr<connector::Source>> MakeSource(Options options) const {
    return connector_.make_source(options, Sample(1)->schema(), surroundings_);
  }

  // Writes `rows` through the sink, which CheckSink tests by itself.
  void Write(const std::string& path, const std::shared_ptr<arrow::RecordBatch>& rows,
             const Options& more = {}) {
    Options options = GetParam().write_options;
    options.insert(more.begin(), more.end());
    options["path"] = path;
    connector::testkit::SinkCase test;
    test.rows = rows;
    test.make = [&] { return connector_.make_sink(options, surroundings_); };
    ASSERT_OK_AND_ASSIGN(auto opened, connector::testkit::OpenSink(test, 1));
    ASSERT_OK(connector::testkit::WriteRows(*opened.writers[0], rows));
    ASSERT_OK_AND_ASSIGN(auto tokens, connector::testkit::PrepareAll(opened, Epoch{1}));
    ASSERT_OK(opened.sink->committer().Commit(Epoch{1}, tokens).status());
  }

  // The rows of every visible file below `path`.
  Result<Rows> Read(const std::string& path) const {
    Rows rows;
    std::vector<std::string> names;
    if (std::filesystem::is_regular_file(path)) names.push_back(path);
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) {
        if (!entry.path().filename().string().starts_with('.'))
          names.push_back(entry.path().string());
      }
    }
    for (const std::string& name : names) {
      ARROW_ASSIGN_OR_RAISE(auto source, MakeSource({{"path", name}}));
      ARROW_ASSIGN_OR_RAISE(auto splits, source->Discover());
      source->Push({});
      for (const connector::Split& split : splits) {
        ARROW_ASSIGN_OR_RAISE(auto reader, source->Open(split));
        ARROW_ASSIGN_OR_RAISE(auto reading, connector::testkit::Drain(*reader, {}));
        rows.insert(rows.end(), reading.rows.begin(), reading.rows.end());
      }
    }
    return rows;
  }

  static int64_t Hidden(const std::filesystem::path& folder) {
    int64_t found = 0;
    if (!std::filesystem::is_directory(folder)) return 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().filename().string().starts_with('.')) ++found;
    }
    return found;
  }

  connector::testkit::SinkCase SinkAt(const std::string& suffix,
                                      const std::string& mode) {
    connector::testkit::SinkCase test;
    test.rows = Sample(40);
    test.reset = [this, suffix] {
      target_ = Path("target-" + std::to_string(++targets_) + suffix);
    };
    test.make = [this, mode] {
      Options options = GetParam().write_options;
      options["path"] = target_;
      options["format"] = GetParam().name;
      options["mode"] = mode;
      return connector_.make_sink(options, surroundings_);
    };
    test.read = [this] { return Read(target_); };
    test.leftovers = [this] { return Hidden(folder_); };
    // A folder has a writer for every task.
    test.encodes = suffix != "/";
    return test;
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  std::unique_ptr<Timers> timers_ = MakeThreadTimers(&clock_);
  std::unique_ptr<Executor> executor_ = MakeThreadExecutor(2);
  connector::Surroundings surroundings_;
  // As the engine has it: with its policies around it.
  connector::ConnectorSpec connector_ = connector::resilience::WithPolicies(
      MakeFilesConnector({formats::MakeCsvFormat(), formats::MakeJsonFormat(),
                          formats::MakeParquetFormat()}));
  std::string target_;
  int targets_ = 0;
};

TEST_P(FilesConformance, OneFileInManySplits) {
  connector::testkit::SourceCase test;
  test.rows = Sample(200);
  const std::string path = Path("one." + GetParam().name);
  Write(path, test.rows);
  test.make = [&] { return MakeSource({{"path", path}, {"split_size", "400"}}); };
  test.overshoot = GetParam().overshoot;
  test.least_splits = 3;
  connector::testkit::CheckSource(test);
}

TEST_P(FilesConformance, ManyFiles) {
  connector::testkit::SourceCase test;
  test.rows = Sample(30);
  for (int i = 0; i < 3; ++i) {
    Write(Path(std::to_string(i) + "." + GetParam().name), test.rows->Slice(i * 10, 10));
  }
  test.make = [&] { return MakeSource({{"path", Path("*." + GetParam().name)}}); };
  test.overshoot = GetParam().overshoot;
  test.least_splits = 3;
  connector::testkit::CheckSource(test);
}

// Small files share splits, whose positions go on in the middle of any of them.
TEST_P(FilesConformance, ManySmallFilesShareSplits) {
  connector::testkit::SourceCase test;
  test.rows = Sample(240);
  for (int i = 0; i < 80; ++i) {
    Write(Path(std::to_string(100 + i) + "." + GetParam().name),
          test.rows->Slice(i * 3, 3));
  }
  test.make = [&] { return MakeSource({{"path", Path("*." + GetParam().name)}}); };
  test.overshoot = GetParam().overshoot;
  test.least_splits = 16;
  connector::testkit::CheckSource(test);

  ASSERT_OK_AND_ASSIGN(auto source, test.make());
  ASSERT_OK_AND_ASSIGN(auto splits, source->Discover());
  EXPECT_LE(splits.size(), 24U);
  // Event time goes by splits: the rows of one file may be older than those before it.
  connector::Pushdown pushdown;
  pushdown.event_time = 0;
  source->Push(pushdown);
  ASSERT_OK_AND_ASSIGN(splits, source->Discover());
  EXPECT_EQ(splits.size(), 80U);
}

// Columns of folders are columns like others, in every split and behind every position.
TEST_P(FilesConformance, PartitionsInManySplits) {
  connector::testkit::SourceCase test;
  const auto sample = Sample(240);
  arrow::Int64Builder parts(ProcessMemoryPool());
  for (int64_t i = 0; i < sample->num_rows(); ++i) ASSERT_OK(parts.Append(i / 80 - 1));
  ASSERT_OK_AND_ASSIGN(test.rows,
                       sample->AddColumn(3, arrow::field("part", arrow::int64()),
                                         parts.Finish().ValueOrDie()));
  const std::string path = Path("parts/");
  Write(path, test.rows, {{"partition_by", "part"}, {"format", GetParam().name}});
  test.make = [&] {
    return connector_.make_source({{"path", path}, {"split_size", "400"}},
                                  test.rows->schema(), surroundings_);
  };
  test.overshoot = GetParam().overshoot;
  test.least_splits = 6;
  connector::testkit::CheckSource(test);
}

// Formats of lines, where one row can be malformed on its own.
class LinesConformance : public FilesConformance {};

TEST_P(LinesConformance, RowsThatAreSetAside) {
  std::ofstream(Path("bad.csv"))
      << "n,word,half\n0,a,0.5\nx,b,1.5\n2,c,2.5\n3,d\n4,e,4.5\n";
  connector::testkit::SourceCase test;
  arrow::Int64Builder numbers(ProcessMemoryPool());
  arrow::StringBuilder words(ProcessMemoryPool());
  arrow::DoubleBuilder halves(ProcessMemoryPool());
  ASSERT_OK(numbers.AppendValues({0, 2, 4}));
  ASSERT_OK(words.AppendValues({"a", "c", "e"}));
  ASSERT_OK(halves.AppendValues({0.5, 2.5, 4.5}));
  test.rows = arrow::RecordBatch::Make(
      Sample(1)->schema(), 3,
      {numbers.Finish().ValueOrDie(), words.Finish().ValueOrDie(),
       halves.Finish().ValueOrDie()});
  test.dead_letters = 2;
  test.make = [&] {
    return MakeSource({{"path", Path("bad.csv")},
                       {"on_error", "dead_letter"},
                       {"on_ragged", "dead_letter"},
                       {"split_size", "16"}});
  };
  connector::testkit::CheckSource(test);
}

TEST_P(FilesConformance, FileSink) {
  for (const char* mode : {"error", "overwrite"}) {
    connector::testkit::CheckSink(SinkAt("." + GetParam().name, mode));
  }
}

TEST_P(FilesConformance, FolderSink) {
  for (const char* mode : {"error", "overwrite", "append"}) {
    connector::testkit::CheckSink(SinkAt("/", mode));
  }
}

// The disk hangs at the n-th sync, of a file or of a folder, until it is let go. Others
// take no time, as a slow disk would count as one that hangs.
class HangingFiles final : public connector::testkit::PassingFiles {
 public:
  HangingFiles(std::shared_ptr<io::FileSystem> files, int hangs_at)
      : PassingFiles(std::move(files)), hangs_at_(hangs_at) {}

  Result<std::unique_ptr<io::WritableFile>> OpenWrite(const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenWrite(path));
    return std::make_unique<File>(std::move(file), this);
  }
  Status SyncDirectory(const std::string& directory) override {
    Sync();
    return Status::OK();
  }
  void LetGo() {
    free_ = true;
    free_.notify_all();
  }

 private:
  class File final : public io::WritableFile {
   public:
    File(std::unique_ptr<io::WritableFile> file, HangingFiles* files)
        : file_(std::move(file)), files_(files) {}
    Status Write(const void* data, int64_t size) override {
      return file_->Write(data, size);
    }
    Status Sync() override {
      files_->Sync();
      return Status::OK();
    }
    Status Close() override { return file_->Close(); }
    int64_t position() const override { return file_->position(); }

   private:
    const std::unique_ptr<io::WritableFile> file_;
    HangingFiles* const files_;
  };
  void Sync() {
    if (++syncs_ == hangs_at_) free_.wait(false);
  }

  const int hangs_at_;
  std::atomic<int> syncs_{0};
  std::atomic<bool> free_{false};
};

TEST_P(FilesConformance, ADiskThatHangsRunsOutOfTime) {
  for (const std::string& suffix : {"." + GetParam().name, std::string("/")}) {
    // Prepare syncs the file, Commit the folder.
    for (const int hangs_at : {1, 2}) {
      SCOPED_TRACE(suffix + " " + std::to_string(hangs_at));
      auto disk = std::make_shared<HangingFiles>(io::MakeLocalFileSystem(), hangs_at);
      connector::Surroundings surroundings = surroundings_;
      surroundings.files = disk;
      const std::string path = Path("hangs-" + std::to_string(hangs_at) + suffix);
      std::filesystem::create_directories(suffix == "/" ? path : folder_.string());
      Options options = GetParam().write_options;
      options.insert({{"path", path}, {"timeout_commit", "300ms"}});
      if (suffix == "/") options["format"] = GetParam().name;
      ASSERT_OK_AND_ASSIGN(auto sink, connector_.make_sink(options, surroundings));
      ASSERT_OK(sink->EnsureTable(Sample(1)->schema(), {}));
      ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
      ASSERT_OK(connector::testkit::WriteRows(*writer, Sample(40)));
      auto prepared = writer->Prepare(Epoch{1}, true);
      Status status = prepared.status();
      if (hangs_at == 2) {
        ASSERT_OK(status);
        status = sink->committer().Commit(Epoch{1}, {*prepared.result()}).status();
      }
      EXPECT_EQ(ErrorNumber(status), errors::kCommitTimedOut.number) << status.ToString();
      // What hangs may still happen: it is left alone.
      writer.reset();
      EXPECT_EQ(ErrorNumber(sink->committer().Recover(Epoch{0}, {}).status()),
                errors::kCommitTimedOut.number);
      disk->LetGo();
      for (int i = 0; i < 1000 && !sink->committer().Recover(Epoch{0}, {}).ok(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ASSERT_OK(sink->committer().Recover(Epoch{0}, {}).status());
      sink.reset();
      EXPECT_EQ(Hidden(folder_), 0);
      ASSERT_OK_AND_ASSIGN(const Rows rows, Read(path));
      EXPECT_EQ(rows.size(), hangs_at == 2 ? 40U : 0U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Csv, LinesConformance,
                         testing::Values(FormatCase{"csv", {}, 1}));

INSTANTIATE_TEST_SUITE_P(
    Formats, FilesConformance,
    testing::Values(FormatCase{"csv", {}, 1}, FormatCase{"json", {}, 1},
                    FormatCase{"parquet", {{"row_group_rows", "50"}}, 1}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace::files
