// The flows of the engine under seeded schedules: one thread, a virtual clock, random
// task order, random small budgets.
//
// Every seed decides shards, batch and split sizes and the interleaving. The rows that
// come out must be those of a run on one shard; with an injected fault nothing may be
// left under a final name, and a run after it must complete.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>

#include "millrace/base/testing.h"
#include "millrace/connector/testkit/faulty_files.h"
#include "millrace/engine/dead_letter_record.h"
#include "millrace/engine/session.h"
#include "millrace/engine/tests/seeds.h"
#include "millrace/engine/text.h"
#include "millrace/io/errors.h"
#include "millrace/runtime/simulated_scheduler.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;
using connector::testkit::FaultyFiles;

constexpr uint64_t kSeeds = 400;

// A file whose reads fail now and then, for a passing reason.
class FlakyFile final : public arrow::io::RandomAccessFile {
 public:
  FlakyFile(std::shared_ptr<arrow::io::RandomAccessFile> file,
            std::shared_ptr<Random> random, std::shared_ptr<int64_t> failures)
      : file_(std::move(file)),
        random_(std::move(random)),
        failures_(std::move(failures)) {}
  Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  Result<int64_t> Tell() const override { return file_->Tell(); }
  Status Seek(int64_t position) override { return file_->Seek(position); }
  Result<int64_t> GetSize() override { return file_->GetSize(); }
  Result<int64_t> Read(int64_t size, void* out) override {
    return file_->Read(size, out);
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    return file_->Read(size);
  }
  Result<int64_t> ReadAt(int64_t at, int64_t size, void* out) override {
    ARROW_RETURN_NOT_OK(Fault());
    return file_->ReadAt(at, size, out);
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t at, int64_t size) override {
    ARROW_RETURN_NOT_OK(Fault());
    return file_->ReadAt(at, size);
  }

 private:
  Status Fault() {
    if (random_->Below(6) != 0) return Status::OK();
    ++*failures_;
    return errors::kFileIo.Make({}, "injected");
  }
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const std::shared_ptr<Random> random_;
  const std::shared_ptr<int64_t> failures_;
};

// The machine's files, read by way of FlakyFile.
class FlakyFiles final : public connector::testkit::PassingFiles {
 public:
  explicit FlakyFiles(uint64_t seed)
      : PassingFiles(io::MakeLocalFileSystem()),
        random_(std::make_shared<Random>(seed)) {}
  int64_t failures() const { return *failures_; }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenRead(
      const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenRead(path));
    if (!path.ends_with(".csv")) return file;
    return std::make_shared<FlakyFile>(std::move(file), random_, failures_);
  }

 private:
  const std::shared_ptr<Random> random_;
  const std::shared_ptr<int64_t> failures_ = std::make_shared<int64_t>(0);
};

// Collects rows as lines of text.
class Collector final : public SessionListener {
 public:
  Result<JobSummary> Run(Job& job, bool) override {
    job.Start();
    if (cancel_after >= 0) {
      auto& simulated = *scheduler;
      const int64_t stop = simulated.steps() + cancel_after;
      simulated.RunUntil([&] { return simulated.steps() >= stop; });
      job.Cancel(errors::kCancelled.Make({}, "by the test"));
    }
    return job.Finish();
  }
  Status OnSchema(const std::shared_ptr<arrow::Schema>&) override { return Status::OK(); }
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    std::vector<std::shared_ptr<arrow::StringArray>> columns;
    for (const auto& column : rows->columns()) {
      ARROW_ASSIGN_OR_RAISE(auto text, AsText(column, ProcessMemoryPool()));
      columns.push_back(std::move(text));
    }
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      std::string line;
      for (const auto& column : columns) {
        line += (column->IsNull(i) ? "NULL" : column->GetString(i)) + "|";
      }
      lines.push_back(std::move(line));
    }
    return Status::OK();
  }
  Status OnEnd() override { return Status::OK(); }
  void OnMessage(const std::string&) override {}
  Status OnPlan(const std::string&) override { return Status::OK(); }

  std::vector<std::string> lines;
  int64_t cancel_after = -1;
  runtime::SimulatedScheduler* scheduler = nullptr;
};

// The clock jumps to whatever is waited for.
class JumpingTimers final : public Timers {
 public:
  explicit JumpingTimers(ManualClock* clock) : clock_(clock) {}
  void WakeAt(int64_t nanos, Waker waker) override {
    const int64_t left = nanos - clock_->MonotonicNanos();
    if (left > 0) clock_->Advance(left);
    waker.Wake();
  }

 private:
  ManualClock* const clock_;
};

// One engine under one seed.
struct World {
  World(int shards, uint64_t seed, std::shared_ptr<io::FileSystem> files) {
    auto clock = std::make_unique<ManualClock>(1'700'000'000'000'000);
    auto executor = std::make_unique<runtime::SimulatedExecutor>();
    auto made = std::make_unique<runtime::SimulatedScheduler>(shards, seed, clock.get(),
                                                              executor.get());
    scheduler = made.get();
    Surroundings surroundings;
    surroundings.timers = std::make_unique<JumpingTimers>(clock.get());
    surroundings.clock = std::move(clock);
    surroundings.executor = std::move(executor);
    surroundings.scheduler = std::move(made);
    surroundings.files = std::move(files);
    engine = Engine::Make({}, std::move(surroundings)).ValueOrDie();
  }
  runtime::SimulatedScheduler* scheduler;
  std::unique_ptr<Engine> engine;
};

class Simulation : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("millrace-simulation-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    std::ofstream events(folder_ / "events.csv");
    events << "id,k,v,t\n";
    Random random(7);
    for (int i = 0; i < 600; ++i) {
      const int64_t second = i / 3;
      events << i << ','
             << (random.Below(10) == 0 ? "" : "k" + std::to_string(random.Below(7)))
             << ',' << static_cast<int64_t>(random.Below(1000)) - 500
             << ",2024-01-01 00:" << (second / 60 < 10 ? "0" : "") << second / 60 << ':'
             << (second % 60 < 10 ? "0" : "") << second % 60 << '\n';
    }
    std::ofstream names(folder_ / "names.csv");
    names << "k,name\n";
    for (int i = 0; i < 5; ++i) names << 'k' << i << ",name " << i << '\n';
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Script(const std::string& query, int split_size) const {
    return "CREATE SOURCE events WITH (connector = 'files', path = '" +
           (folder_ / "events.csv").string() + "', split_size = '" +
           std::to_string(split_size) +
           "'); CREATE SOURCE names WITH (connector = 'files', path = '" +
           (folder_ / "names.csv").string() + "'); " + query;
  }

  Result<std::vector<std::string>> Run(World& world, const std::string& script,
                                       int64_t batch_rows) {
    JobOptions options;
    options.batch_rows = batch_rows;
    options.dead_letters = (folder_ / "dead.ndjson").string();
    Session session(world.engine.get(), options);
    Collector collector;
    ARROW_RETURN_NOT_OK(session.Execute(script, "", collector));
    return collector.lines;
  }

  // The query gives the same rows (in the same order when `ordered`) under every seed as
  // on one shard.
  void ExpectSameRows(const std::string& query, bool ordered) {
    World plain(1, 1, nullptr);
    ASSERT_OK_AND_ASSIGN(auto expected, Run(plain, Script(query, 1 << 20), 1 << 16));
    ASSERT_FALSE(expected.empty());
    if (!ordered) std::sort(expected.begin(), expected.end());
    const Seeds seeds = SeedsToRun(kSeeds);
    for (uint64_t seed = seeds.from; seed < seeds.end(); ++seed) {
      SCOPED_TRACE(HowToRepeat(seed) + "\n" + query);
      Random random(seed);
      World world(static_cast<int>(1 + random.Below(4)), random.Next(), nullptr);
      const auto batch_rows = static_cast<int64_t>(1 + random.Below(100));
      const int split_size = static_cast<int>(64 + random.Below(4096));
      ASSERT_OK_AND_ASSIGN(auto rows, Run(world, Script(query, split_size), batch_rows));
      ASSERT_FALSE(world.scheduler->stuck());
      if (!ordered) std::sort(rows.begin(), rows.end());
      ASSERT_EQ(rows, expected);
    }
  }

  fs::path folder_;
};

TEST_F(Simulation, ScanKeepsTheOrderOfTheFile) {
  ExpectSameRows("SELECT * FROM events", true);
}
TEST_F(Simulation, FilterAndProject) {
  ExpectSameRows(
      "SELECT id, v * 2 AS w, upper(k) FROM events WHERE v > 0 AND k IS NOT NULL", true);
}
TEST_F(Simulation, GroupBy) {
  ExpectSameRows(
      "SELECT k, count(*), sum(v), min(t), max(v), avg(v) FROM events GROUP BY k", false);
}
TEST_F(Simulation, GlobalAggregate) {
  ExpectSameRows("SELECT count(*), sum(v), min(k) FROM events", false);
}
TEST_F(Simulation, Distinct) {
  ExpectSameRows("SELECT DISTINCT k, v % 3 FROM events", false);
  ExpectSameRows("SELECT k, count(DISTINCT v % 10) FROM events GROUP BY k", false);
}
TEST_F(Simulation, TumblingWindow) {
  ExpectSameRows(
      "SELECT window_start, k, count(*), sum(v) FROM events GROUP BY k WINDOW "
      "TUMBLING(t, 30s) EMIT FINAL",
      false);
}
TEST_F(Simulation, JoinWithABoundedTable) {
  ExpectSameRows("SELECT e.id, e.k, n.name FROM events e LEFT JOIN names n ON e.k = n.k",
                 false);
  ExpectSameRows("SELECT e.id, e.k, n.name FROM events e JOIN names n ON e.k = n.k",
                 true);
  ExpectSameRows("SELECT n.name, e.id FROM events e FULL JOIN names n ON e.k = n.k",
                 false);
}
TEST_F(Simulation, SortAndLimit) {
  ExpectSameRows("SELECT id, v FROM events ORDER BY v DESC, id LIMIT 17 OFFSET 3", true);
  ExpectSameRows("SELECT id FROM events LIMIT 25", true);
}
TEST_F(Simulation, UnionAll) {
  ExpectSameRows(
      "SELECT id FROM events WHERE v > 300 UNION ALL SELECT id FROM events WHERE v < "
      "-300",
      false);
}

// Watermarks are merged over splits, unread ones included: with a declared watermark and
// a file in time order no row is late, whatever the order in which splits are read.
TEST_F(Simulation, WatermarkOverSplitsMakesNothingLate) {
  const std::string declare =
      "CREATE SOURCE timed (id BIGINT, k VARCHAR, v BIGINT, t TIMESTAMP, WATERMARK FOR t "
      "AS t - INTERVAL '0' SECOND) "
      "WITH (connector = 'files', path = '" +
      (folder_ / "events.csv").string() + "', split_size = '";
  const std::string query =
      "'); SELECT window_start, k, count(*), sum(v) FROM timed GROUP BY k WINDOW "
      "TUMBLING(t, 10s) EMIT FINAL";
  World plain(1, 1, nullptr);
  ASSERT_OK_AND_ASSIGN(auto expected,
                       Run(plain,
                           Script("SELECT window_start, k, count(*), sum(v) FROM events "
                                  "GROUP BY k WINDOW TUMBLING(t, 10s)",
                                  1 << 20),
                           1 << 16));
  std::sort(expected.begin(), expected.end());
  const Seeds seeds = SeedsToRun(kSeeds);
  for (uint64_t seed = seeds.from; seed < seeds.end(); ++seed) {
    SCOPED_TRACE(HowToRepeat(seed));
    Random random(seed);
    World world(static_cast<int>(1 + random.Below(4)), random.Next(), nullptr);
    ASSERT_OK_AND_ASSIGN(
        auto rows,
        Run(world, declare + std::to_string(64 + random.Below(2048)) + query, 50));
    std::sort(rows.begin(), rows.end());
    ASSERT_EQ(rows, expected);
  }
}

std::set<std::string> Names(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder))
    out.insert(entry.path().filename().string());
  return out;
}

// The lines of all files below `folder`, headers apart, sorted.
std::vector<std::string> LinesBelow(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path());
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) out.push_back(line);
  }
  std::sort(out.begin(), out.end());
  return out;
}

int64_t FilesBelow(const fs::path& folder) {
  int64_t out = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    out += entry.is_regular_file() ? 1 : 0;
  }
  return out;
}

// A disk that fills up at any of the writer's steps, for a moment or until somebody makes
// room, leaves the destination as it was, and a rerun completes.
TEST_F(Simulation, FullDiskLeavesNothingBehind) {
  const fs::path out = folder_ / "out";
  for (const char* to : {"copy.csv'", "parts/', format = 'csv', roll_rows = '150'",
                         "parts/', format = 'csv', partition_by = 'k'",
                         "parts/', format = 'csv', roll_interval = '1ms'",
                         "parts/', format = 'csv', partition_by = 'k', sort_by = 'v'"}) {
    const std::string insert =
        "CREATE SINK out WITH (connector = 'files', retry_backoff = '1ms', path = '" +
        (out / to).string() + "); INSERT INTO out SELECT id, v, k FROM events";
    std::vector<std::string> complete;
    for (const auto fault : {FaultyFiles::Fault::kOnce, FaultyFiles::Fault::kFull}) {
      int failed = 0;
      bool met = true;
      for (int64_t at = 0; met; at += 1 + at / 8) {
        SCOPED_TRACE(fmt::format("{} {}, change {}",
                                 fault == FaultyFiles::Fault::kOnce ? "once" : "full", to,
                                 at));
        fs::create_directories(out);
        Random random(static_cast<uint64_t>(at));
        auto files = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), at, fault);
        std::optional<World> world;
        world.emplace(static_cast<int>(1 + random.Below(3)), random.Next(), files);
        const Status status = Run(*world, Script(insert, 700), 20).status();
        // What waits for the executor holds files; a real one does it before it ends.
        world->scheduler->RunUntil([] { return false; });
        world.reset();
        met = files->met();
        if (!status.ok()) {
          ++failed;
          ASSERT_EQ(ErrorNumber(status), errors::kDiskFull.number) << status.ToString();
          ASSERT_EQ(FilesBelow(out), 0);
          World again(2, random.Next(), nullptr);
          ASSERT_OK(Run(again, Script(insert, 700), 20).status());
        }
        if (complete.empty()) complete = LinesBelow(out);
        ASSERT_EQ(LinesBelow(out), complete);
        fs::remove_all(out);
      }
      EXPECT_GT(failed, fault == FaultyFiles::Fault::kFull ? 3 : 0);
    }
    EXPECT_EQ(complete.size(), 600u);
  }
}

// Reads that fail now and then change nothing: not the rows, not the dead letters.
TEST_F(Simulation, FlakyReadsLoseAndRepeatNothing) {
  const fs::path bad = folder_ / "bad.csv";
  {
    std::ofstream file(bad);
    file << "n,s\n";
    for (int i = 0; i < 500; ++i)
      file << (i % 9 == 4 ? "x" : std::to_string(i)) << ",s\n";
  }
  int64_t failures = 0;
  const Seeds seeds = SeedsToRun(kSeeds, 2);
  for (uint64_t seed = seeds.from; seed < seeds.end(); ++seed) {
    SCOPED_TRACE(HowToRepeat(seed));
    Random random(seed);
    auto files = std::make_shared<FlakyFiles>(random.Next());
    World world(static_cast<int>(1 + random.Below(4)), random.Next(), files);
    const std::string script =
        "CREATE SOURCE b (n BIGINT, s VARCHAR) WITH (connector = 'files', path = '" +
        bad.string() + "', on_error = 'dead_letter', retry_attempts = '50', " +
        "breaker_failures = '" + std::to_string(random.Below(4)) + "', split_size = '" +
        std::to_string(64 + random.Below(2048)) + "'" +
        (random.Below(2) == 0 ? ", max_connections = '2'" : "") +
        (random.Below(2) == 0 ? ", rate_limit_rows = '100'" : "") + "); SELECT n FROM b";
    ASSERT_OK_AND_ASSIGN(auto rows,
                         Run(world, script, static_cast<int64_t>(1 + random.Below(60))));
    std::vector<std::string> expected;
    for (int i = 0; i < 500; ++i) {
      if (i % 9 != 4) expected.push_back(std::to_string(i) + "|");
    }
    ASSERT_EQ(rows, expected);
    failures += files->failures();
    // 500 rows, one bad in nine, the first of them the fifth.
    std::set<int64_t> letters;
    ASSERT_OK_AND_ASSIGN(
        const auto records,
        ReadDeadLetters(*io::MakeLocalFileSystem(), (folder_ / "dead.ndjson").string()));
    for (const DeadLetterRecord& record : records) letters.insert(record.where.row);
    ASSERT_EQ(records.size(), 56u);
    ASSERT_EQ(letters.size(), 56u);
    ASSERT_EQ(*letters.begin(), 5);
  }
  if (seeds.usual()) {
    EXPECT_GT(failures, static_cast<int64_t>(2 * seeds.count));
  }
}

TEST_F(Simulation, CancelledAnywhereLeavesNothingBehind) {
  const fs::path out = folder_ / "out";
  const std::string insert =
      "INSERT INTO '" + (out / "copy.csv").string() + "' SELECT * FROM events";
  int cancelled = 0;
  const Seeds seeds = SeedsToRun(kSeeds, 4);
  for (uint64_t seed = seeds.from; seed < seeds.end(); ++seed) {
    SCOPED_TRACE(HowToRepeat(seed));
    fs::create_directories(out);
    Random random(seed);
    World world(static_cast<int>(1 + random.Below(3)), random.Next(), nullptr);
    JobOptions options;
    Session session(world.engine.get(), options);
    Collector collector;
    collector.scheduler = world.scheduler;
    collector.cancel_after = static_cast<int64_t>(random.Below(120));
    const Status status = session.Execute(Script(insert, 700), "", collector);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(ErrorNumber(status), errors::kCancelled.number) << status.ToString();
    EXPECT_TRUE(Names(out).empty());
    ++cancelled;
    fs::remove_all(out);
  }
  EXPECT_GT(cancelled, 0);
}

}  // namespace
}  // namespace millrace::engine
