// The files sink of a pipeline with checkpoints keeps to what every sink keeps to.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "millrace/base/clock.h"
#include "millrace/connector/testkit/epoch_checks.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/files.h"
#include "millrace/formats/format.h"

namespace millrace::files {
namespace {

namespace fs = std::filesystem;
using connector::Options;
using connector::testkit::EpochCase;
using connector::testkit::Rows;

class FilesEpochs : public testing::TestWithParam<std::string> {
 protected:
  FilesEpochs() {
    folder_ =
        fs::temp_directory_path() / ("millrace-epochs-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    surroundings_.files = io::MakeLocalFileSystem();
    surroundings_.executor = executor_.get();
    surroundings_.clock = &clock_;
    surroundings_.memory = MemoryBudget::Make(1 << 30, ProcessMemoryPool());
    surroundings_.environment = [](const std::string&) { return std::nullopt; };
    surroundings_.pipeline = "p";
    surroundings_.checkpointed = true;
    surroundings_.attempt = 1;
  }
  ~FilesEpochs() override { fs::remove_all(folder_); }

  // Numbers, words with line breaks and NULLs, and a kind of few values, one of them
  // NULL, one with characters that a path can't have.
  static std::shared_ptr<arrow::RecordBatch> Sample(int64_t rows, int64_t first = 0) {
    arrow::Int64Builder numbers(ProcessMemoryPool());
    arrow::StringBuilder words(ProcessMemoryPool()), kinds(ProcessMemoryPool());
    for (int64_t i = first; i < first + rows; ++i) {
      EXPECT_TRUE(numbers.Append(i).ok());
      const std::string word = i % 5 == 0 ? "line\nbreak, \"quoted\"" : "word";
      EXPECT_TRUE(
          (i % 7 == 3 ? words.AppendNull() : words.Append(word + std::to_string(i)))
              .ok());
      EXPECT_TRUE(
          (i % 3 == 0 ? kinds.AppendNull() : kinds.Append(i % 3 == 1 ? "a/b=c" : "plain"))
              .ok());
    }
    return arrow::RecordBatch::Make(
        arrow::schema({arrow::field("n", arrow::int64()),
                       arrow::field("word", arrow::utf8()),
                       arrow::field("kind", arrow::utf8())}),
        rows,
        {numbers.Finish().ValueOrDie(), words.Finish().ValueOrDie(),
         kinds.Finish().ValueOrDie()});
  }

  Result<std::unique_ptr<connector::Sink>> MakeSink(
      Options options, std::string pipeline, int64_t attempt,
      std::shared_ptr<io::FileSystem> files) const {
    connector::Surroundings surroundings = surroundings_;
    surroundings.pipeline = std::move(pipeline);
    surroundings.attempt = attempt;
    surroundings.checkpointed = attempt > 0;
    if (files) surroundings.files = std::move(files);
    return connector_.make_sink(options, surroundings);
  }

  // The first start of a pipeline.
  struct Started {
    std::unique_ptr<connector::Sink> sink;
    std::unique_ptr<connector::SinkWriter> writer;

    // `rows` may be null.
    Result<connector::CommitToken> Prepare(
        int64_t epoch, const std::shared_ptr<arrow::RecordBatch>& rows,
        bool last = false) {
      if (rows) ARROW_RETURN_NOT_OK(connector::testkit::WriteRows(*writer, rows));
      return writer->Prepare(Epoch{epoch}, last).MoveResult();
    }
    Status Commit(int64_t epoch, connector::CommitToken token) {
      return sink->committer().Commit(Epoch{epoch}, {std::move(token)}).status();
    }
  };
  static Result<Started> Start(const EpochCase& test) {
    test.reset();
    Started out;
    ARROW_ASSIGN_OR_RAISE(out.sink, test.make("p", 1, nullptr));
    ARROW_RETURN_NOT_OK(out.sink->EnsureTable(test.rows->schema(), {}));
    ARROW_ASSIGN_OR_RAISE(out.writer, out.sink->Open(WriterId{0}));
    return out;
  }

  // A run without checkpoints.
  void Copy(const Options& options, const std::shared_ptr<arrow::RecordBatch>& rows) {
    ASSERT_OK_AND_ASSIGN(auto sink, MakeSink(options, "", 0, nullptr));
    ASSERT_OK(sink->EnsureTable(rows->schema(), {}));
    ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
    ASSERT_OK(connector::testkit::WriteRows(*writer, rows));
    auto token = writer->Prepare(Epoch{1}, true);
    ASSERT_OK(token.status());
    ASSERT_OK(sink->committer().Commit(Epoch{1}, {*token.result()}).status());
  }

  // Rows of the files that others see, with the kind that a folder's name tells.
  Result<Rows> Read(const std::string& path) const {
    Rows out;
    std::vector<fs::path> names;
    if (fs::is_regular_file(path)) names.push_back(path);
    if (fs::is_directory(path)) {
      for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.'))
          names.push_back(entry.path());
      }
    }
    for (const fs::path& name : names) {
      const std::string folder = name.parent_path().filename().string();
      const bool partition = folder.starts_with("kind=");
      std::string kind;
      if (folder == "kind=__HIVE_DEFAULT_PARTITION__") kind = "NULL:string ";
      if (folder == "kind=a%2Fb%3Dc") kind = "[a/b=c]:string ";
      if (folder == "kind=plain") kind = "[plain]:string ";
      EXPECT_EQ(partition, !kind.empty()) << folder;
      const auto schema = Sample(1)->schema();
      ARROW_ASSIGN_OR_RAISE(
          auto source,
          connector_.make_source({{"path", name.string()}},
                                 partition ? schema->RemoveField(2).ValueOrDie() : schema,
                                 surroundings_));
      ARROW_ASSIGN_OR_RAISE(auto splits, source->Discover());
      source->Push({});
      for (const connector::Split& split : splits) {
        ARROW_ASSIGN_OR_RAISE(auto reader, source->Open(split));
        ARROW_ASSIGN_OR_RAISE(auto reading, connector::testkit::Drain(*reader, {}));
        for (const std::string& row : reading.rows) out.push_back(row + kind);
      }
    }
    return out;
  }

  int64_t Hidden(std::initializer_list<std::string> suffixes) const {
    int64_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      for (const std::string& suffix : suffixes) {
        // The lock of a run that appends to one file is there as long as the run.
        found += name.starts_with('.') && name.ends_with(suffix) &&
                         !name.ends_with("-append.tmp")
                     ? 1
                     : 0;
      }
    }
    return found;
  }

  // `before`: rows that stand in the destination.
  EpochCase Case(const std::string& suffix, Options options, bool before) {
    EpochCase test;
    test.rows = Sample(48);
    test.whole = suffix != "/";
    test.replaces = options["mode"] == "overwrite";
    options["format"] = GetParam();
    const auto old = Sample(9, 1000);
    if (before) {
      test.before = connector::testkit::RowsOf(*old).ValueOrDie();
    }
    test.reset = [=, this] {
      // What one case leaves must not be taken for another's.
      fs::remove_all(folder_);
      fs::create_directories(folder_);
      target_ = (folder_ / ("target" + suffix)).string();
      Options plain = options;
      plain["path"] = target_;
      plain["mode"] = "error";
      if (before) Copy(plain, old);
    };
    test.make = [=, this](const std::string& pipeline, int64_t attempt,
                          std::shared_ptr<io::FileSystem> files) {
      Options given = options;
      given["path"] = target_;
      return MakeSink(given, pipeline, attempt, std::move(files));
    };
    test.read = [this] { return Read(target_); };
    test.leftovers = [this] { return Hidden({".piece", ".tmp"}); };
    return test;
  }

  fs::path folder_;
  SystemClock clock_;
  std::unique_ptr<Executor> executor_ = MakeThreadExecutor(2);
  connector::Surroundings surroundings_;
  connector::ConnectorSpec connector_ =
      MakeFilesConnector({formats::MakeCsvFormat(), formats::MakeJsonFormat(),
                          formats::MakeParquetFormat()});
  std::string target_;
};

TEST_P(FilesEpochs, Folder) {
  connector::testkit::CheckEpochs(Case("/", {{"mode", "error"}}, false));
  connector::testkit::CheckEpochs(
      Case("/", {{"mode", "append"}, {"roll_rows", "5"}}, true));
  connector::testkit::CheckEpochs(Case("/", {{"mode", "overwrite"}}, true));
  EXPECT_EQ(Hidden({".begun"}), 0);
}

TEST_P(FilesEpochs, Partitions) {
  Options options = {{"partition_by", "kind"}, {"max_open_files", "2"}};
  options["mode"] = "append";
  connector::testkit::CheckRestart(Case("/", options, true));
  options["mode"] = "overwrite";
  connector::testkit::CheckEpochs(Case("/", options, true));
}

// A number that was reserved where a run was killed is free again.
TEST_P(FilesEpochs, ReservationsInPartitionsDoNotStay) {
  const EpochCase test = Case("/", {{"partition_by", "kind"}, {"mode", "append"}}, true);
  test.reset();
  const fs::path orphan =
      fs::path(target_) / "kind=plain" / (".millrace-part-00001." + GetParam() + ".tmp");
  std::ofstream(orphan).close();
  ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 1, nullptr));
  ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
  EXPECT_FALSE(fs::exists(orphan));
}

TEST_P(FilesEpochs, SingleFile) {
  const std::string suffix = "." + GetParam();
  connector::testkit::CheckEpochs(Case(suffix, {{"mode", "error"}}, false));
  connector::testkit::CheckEpochs(Case(suffix, {{"mode", "overwrite"}}, true));
  if (GetParam() != "parquet") {
    connector::testkit::CheckEpochs(Case(suffix, {{"mode", "append"}}, true));
  }
  EXPECT_EQ(Hidden({".begun"}), 0);
}

// Rows may come to an end (LIMIT) while the pipeline has none yet: a restart then opens
// writers that end without a row, and what stands there stays as it is.
TEST_P(FilesEpochs, AnEndBeforeThatOfThePipelineIsTheEnd) {
  struct Way {
    std::string suffix, mode;
    int64_t rows;
  };
  const std::string file = "." + GetParam();
  std::vector<Way> ways = {{file, "error", 48},     {file, "error", 0},
                           {file, "overwrite", 48}, {"/", "error", 48},
                           {"/", "error", 0},       {"/", "overwrite", 48}};
  if (GetParam() != "parquet") ways.push_back({file, "append", 48});
  for (const Way& way : ways) {
    // Was the last commit asked for before the process ended?
    for (const bool committed : {true, false}) {
      SCOPED_TRACE(way.mode + " " + way.suffix + (committed ? ", committed" : ""));
      const EpochCase test = Case(way.suffix, {{"mode", way.mode}}, way.mode != "error");
      test.reset();
      std::vector<connector::CommitToken> tokens;
      for (int64_t attempt = 1; attempt <= 4; ++attempt) {
        ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", attempt, nullptr));
        ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
        if (attempt > 1) {
          ASSERT_OK(sink->committer().Recover(Epoch{attempt - 1}, tokens).status());
        }
        ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
        if (attempt == 1 && way.rows > 0) {
          ASSERT_OK(connector::testkit::WriteRows(*writer, test.rows));
        }
        // The third run is stopped before its writer comes to its end.
        auto token = writer->Prepare(Epoch{attempt}, attempt != 3);
        ASSERT_OK(token.status());
        tokens = {*token.result()};
        if (!committed && attempt < 4) continue;
        ASSERT_OK(sink->committer().Commit(Epoch{attempt}, tokens).status());
        Rows expected;
        if (way.rows > 0) expected = connector::testkit::RowsOf(*test.rows).ValueOrDie();
        if (way.mode == "append") {
          expected.insert(expected.end(), test.before.begin(), test.before.end());
        }
        ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
        EXPECT_EQ(connector::testkit::Sorted(seen), connector::testkit::Sorted(expected));
      }
      EXPECT_EQ(Hidden({".piece", ".begun"}), 0);
      EXPECT_TRUE(way.suffix != "/" ||
                  std::distance(fs::directory_iterator(target_), {}) == 1);
    }
  }
}

// Recover says whether what stands there was there before the first run.
TEST_P(FilesEpochs, AnEarlierStartThatWasRefusedAllowsNothing) {
  for (const std::string& suffix : {std::string("/"), "." + GetParam()}) {
    const EpochCase test = Case(suffix, {{"mode", "error"}}, true);
    test.reset();
    ASSERT_OK_AND_ASSIGN(auto first, test.make("p", 1, nullptr));
    EXPECT_EQ(ErrorNumber(first->EnsureTable(test.rows->schema(), {})),
              errors::kDestinationExists.number);
    ASSERT_OK_AND_ASSIGN(auto second, test.make("p", 2, nullptr));
    ASSERT_OK(second->EnsureTable(test.rows->schema(), {}));
    EXPECT_EQ(ErrorNumber(second->committer().Recover(Epoch{0}, {}).status()),
              errors::kDestinationExists.number);
    ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
    EXPECT_EQ(seen, test.before);
  }
}

TEST_P(FilesEpochs, NoRowsMakeOneFileAtTheEnd) {
  const EpochCase test = Case("/", {{"mode", "error"}}, false);
  test.reset();
  ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 1, nullptr));
  ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
  std::vector<connector::CommitToken> tokens;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{i}));
    auto nothing = writer->Prepare(Epoch{1}, false);
    ASSERT_OK(nothing.status());
    EXPECT_TRUE(nothing.result()->empty());
    auto token = writer->Prepare(Epoch{2}, true);
    ASSERT_OK(token.status());
    tokens.push_back(*token.result());
  }
  ASSERT_OK(sink->committer().Commit(Epoch{2}, tokens).status());
  sink.reset();
  EXPECT_EQ(std::distance(fs::directory_iterator(target_), {}), 1);
  ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
  EXPECT_EQ(seen, Rows());
  EXPECT_EQ(Hidden({"d", "e", "p"}), 0);
}

TEST_P(FilesEpochs, AWriterMayHaveNothingToSayAtTheEnd) {
  const EpochCase test = Case("/", {{"mode", "append"}}, false);
  ASSERT_OK_AND_ASSIGN(Started run, Start(test));
  ASSERT_OK_AND_ASSIGN(const auto rows, run.Prepare(1, test.rows));
  ASSERT_OK_AND_ASSIGN(const auto end, run.Prepare(2, nullptr, /*last=*/true));
  ASSERT_OK(run.Commit(1, rows));
  EXPECT_EQ(Hidden({".begun"}), 1);
  ASSERT_OK(run.Commit(2, end));
  EXPECT_EQ(Hidden({".begun"}), 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(target_), {}), 1);
}

// A file ends when it is old enough, by the clock that was given: when rows come, and
// when none does.
TEST_P(FilesEpochs, AFileEndsWhenItIsOld) {
  constexpr int64_t kSecond = 1'000'000'000;
  ManualClock clock;
  surroundings_.clock = &clock;
  for (const int64_t attempt : {0, 1}) {
    target_ = (folder_ / ("aging-" + std::to_string(attempt))).string();
    ASSERT_OK_AND_ASSIGN(auto sink, MakeSink({{"path", target_ + "/"},
                                              {"format", GetParam()},
                                              {"roll_interval", "5s"}},
                                             "p", attempt, nullptr));
    ASSERT_OK(sink->EnsureTable(Sample(1)->schema(), {}));
    ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
    const auto write = [&](int64_t first) {
      return connector::testkit::WriteRows(*writer, Sample(2, first));
    };
    ASSERT_OK(write(0));
    clock.Advance(4 * kSecond);
    ASSERT_OK(writer->Tend(Waker()));
    ASSERT_OK(write(2));
    clock.Advance(kSecond);  // the first is five seconds old, its last rows one
    ASSERT_OK(writer->Tend(Waker()));
    clock.Advance(60 * kSecond);
    ASSERT_OK(writer->Tend(Waker()));
    ASSERT_OK(write(4));
    clock.Advance(5 * kSecond);
    ASSERT_OK(write(6));
    auto token = writer->Prepare(Epoch{1}, true);
    ASSERT_OK(token.status());
    ASSERT_OK(sink->committer().Commit(Epoch{1}, {*token.result()}).status());
    sink.reset();
    EXPECT_EQ(std::distance(fs::directory_iterator(target_), {}), 3);
    ASSERT_OK_AND_ASSIGN(const Rows seen, Read(target_));
    EXPECT_EQ(seen.size(), 8);
  }
}

// Copies without checkpoints fill the same folder, before and after the commit.
TEST_P(FilesEpochs, CopiesBesideAPipeline) {
  const EpochCase test = Case("/", {{"mode", "append"}}, false);
  ASSERT_OK_AND_ASSIGN(Started run, Start(test));
  const connector::Options plain = {
      {"path", target_}, {"format", GetParam()}, {"mode", "append"}};
  ASSERT_OK_AND_ASSIGN(const auto first, run.Prepare(1, test.rows));
  Copy(plain, Sample(3, 2000));
  ASSERT_OK(connector::testkit::WriteRows(*run.writer, test.rows));
  ASSERT_OK(run.Commit(1, first));
  Copy(plain, Sample(3, 3000));
  ASSERT_OK_AND_ASSIGN(const auto second, run.Prepare(2, nullptr));
  ASSERT_OK(run.Commit(2, second));
  ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
  EXPECT_EQ(seen.size(), 2 * 48 + 6);
  for (const char* number : {"00000", "00001", "00002", "00003"}) {
    EXPECT_TRUE(fs::exists(fs::path(target_) /
                           ("part-" + std::string(number) + "." + GetParam())));
  }
}

TEST_P(FilesEpochs, APieceThatDisappearedIsAnError) {
  const EpochCase test = Case("/", {{"mode", "append"}}, false);
  ASSERT_OK_AND_ASSIGN(Started run, Start(test));
  ASSERT_OK_AND_ASSIGN(const auto token, run.Prepare(1, test.rows));
  for (const auto& entry : fs::directory_iterator(target_)) {
    if (entry.path().extension() == ".piece") fs::remove(entry.path());
  }
  EXPECT_EQ(ErrorNumber(run.Commit(1, token)), errors::kPieceMissing.number);
}

INSTANTIATE_TEST_SUITE_P(Formats, FilesEpochs, testing::Values("csv", "json", "parquet"),
                         [](const auto& info) { return info.param; });

// Of a format whose files begin with a header that rows may differ from.
class FilesWithHeader : public FilesEpochs {};

TEST_P(FilesWithHeader, AnAppendThatCanNotFitFailsBeforeItsRows) {
  const EpochCase test = Case("." + GetParam(), {{"mode", "append"}}, false);
  test.reset();
  std::ofstream(target_) << "other,columns\n1,2\n";
  ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 1, nullptr));
  EXPECT_EQ(ErrorNumber(sink->EnsureTable(test.rows->schema(), {})), 2113);
}

INSTANTIATE_TEST_SUITE_P(Formats, FilesWithHeader, testing::Values("csv"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace millrace::files
