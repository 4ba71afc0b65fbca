// Checkpoints under seeded schedules: whole lives of a pipeline on one thread and a
// virtual clock, through crashes and failing disks, until it comes to its end.
//
// A seed decides everything: the pipeline, the sink, and for each run the shards, batch
// and split sizes, intervals, the interleaving, and where the run is cut off. What is
// visible at the end must be what one undisturbed run without checkpoints writes.
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <filesystem>
#include <fstream>
#include <set>

#include "millrace/base/testing.h"
#include "millrace/connector/testkit/faulty_files.h"
#include "millrace/engine/errors.h"
#include "millrace/engine/session.h"
#include "millrace/engine/tests/seeds.h"
#include "millrace/runtime/simulated_scheduler.h"
#include "tests/crash/feed.h"
#include "tests/crash/ledger.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;
using connector::testkit::FaultyFiles;
using Lines = std::vector<std::string>;

// Lives that went wrong once and have no smaller test of their own.
const std::vector<uint64_t> kFailedSeeds = {434, 657, 763, 1791, 1857};

constexpr uint64_t kLives = 600;

// How one run of a life ends, unless the pipeline comes to its own end before.
enum class Ending {
  kUndisturbed,
  kCrashAtChange,  // the n-th change of the disk and all after it do not happen
  kCrashAtTime,    // from a moment on nothing changes any more
  kFullDisk,       // one change fails; the job ends with its error, in good order
  kCancelled,      // somebody ends it
  kStopped,        // at a checkpoint
  kSavepoint,      // a named checkpoint on the way, and no end
};
constexpr uint64_t kEndings = 7;

// How long rows arrive, and how long they may take to come through.
constexpr int64_t kFeedNanos = 3'000'000'000, kPatience = 2'000'000'000;

// Does something at a moment of the virtual clock.
class Alarm final : public Wakeable {
 public:
  explicit Alarm(std::function<void()> ring) : ring_(std::move(ring)) {}
  void Wake() override {
    if (ring_) ring_();
  }
  // The job is over.
  void Silence() { ring_ = nullptr; }

 private:
  std::function<void()> ring_;
};

// Runs a job; `at_nanos` into it, `then` happens, and at `end_nanos` it is stopped.
class Driver final : public SessionListener {
 public:
  Driver(Engine* engine, int64_t at_nanos, std::function<void(Job&)> then,
         int64_t end_nanos = -1)
      : engine_(engine),
        at_nanos_(at_nanos),
        then_(std::move(then)),
        end_nanos_(end_nanos) {}

  Result<JobSummary> Run(Job& job, bool) override {
    const int64_t now = engine_->clock().MonotonicNanos();
    auto alarm = std::make_shared<Alarm>([this, &job] {
      rang = true;
      then_(job);
    });
    if (then_) engine_->timers().WakeAt(now + at_nanos_, Waker(alarm));
    auto end = std::make_shared<Alarm>([this, &job] {
      ended = true;
      job.Stop("", errors::kCancelled.Make({}, "the end"));
    });
    if (end_nanos_ >= 0) engine_->timers().WakeAt(now + end_nanos_, Waker(end));
    went_on = !job.start().empty();
    job.Start();
    auto summary = job.Finish();
    stopped = job.stopped();
    alarm->Silence();
    end->Silence();
    return summary;
  }
  Status OnSchema(const std::shared_ptr<arrow::Schema>&) override { return Status::OK(); }
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>&) override {
    return Status::OK();
  }
  Status OnEnd() override { return Status::OK(); }
  void OnMessage(const std::string&) override {}
  Status OnPlan(const std::string&) override { return Status::OK(); }

  bool rang = false;
  bool ended = false;
  bool went_on = false;
  bool stopped = false;

 private:
  Engine* const engine_;
  const int64_t at_nanos_;
  const std::function<void(Job&)> then_;
  const int64_t end_nanos_;
};

// An engine, as one process has it.
struct Process {
  Process(int shards, uint64_t seed, int64_t wall_micros,
          std::shared_ptr<io::FileSystem> files,
          std::shared_ptr<const crash::Feed> feed = nullptr) {
    auto clock = std::make_unique<ManualClock>(wall_micros);
    auto executor = std::make_unique<runtime::SimulatedExecutor>();
    auto timers = std::make_unique<runtime::SimulatedTimers>(clock.get());
    auto made = std::make_unique<runtime::SimulatedScheduler>(
        shards, seed, clock.get(), executor.get(), timers.get());
    scheduler = made.get();
    Surroundings surroundings;
    surroundings.clock = std::move(clock);
    surroundings.executor = std::move(executor);
    surroundings.timers = std::move(timers);
    surroundings.scheduler = std::move(made);
    surroundings.files = std::move(files);
    surroundings.connectors.push_back(crash::MakeLedgerConnector());
    if (feed) surroundings.connectors.push_back(crash::MakeFeedConnector(feed));
    engine = Engine::Make({}, std::move(surroundings)).ValueOrDie();
  }
  runtime::SimulatedScheduler* scheduler;
  std::unique_ptr<Engine> engine;
};

struct Query {
  const char* name;
  const char* text;
  bool ordered = false;  // a single file has the rows in the order of the input
  bool endless = false;  // it reads feeds
  bool changes = false;  // what is visible says what it does to what was before
};
const Query kQueries[] = {
    {"rows", "SELECT id, k, v FROM events", true},
    {"filter", "SELECT id, v * 2 AS w FROM events WHERE v > 0", true},
    {"groups",
     "SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(id) AS least FROM events GROUP "
     "BY k"},
    {"distinct", "SELECT DISTINCT k, v % 3 AS m FROM events"},
    {"windows",
     "SELECT window_start, k, COUNT(*) AS n, SUM(v) AS s FROM timed GROUP BY "
     "k WINDOW TUMBLING(t, 10s)"},
    {"final windows",
     "SELECT window_start, k, MIN(v) AS l, MAX(v) AS m FROM timed GROUP BY k WINDOW "
     "TUMBLING(t, 3s) EMIT FINAL"},
    {"sliding windows",
     "SELECT window_start, k, COUNT(*) AS n, SUM(v) AS s FROM timed GROUP BY k WINDOW "
     "SLIDING(t, 10s, 4s)"},
    {"copies for windows",
     "SELECT window_start, window_end, COUNT(DISTINCT k) AS n FROM timed WINDOW "
     "CUMULATING(t, 5s, 20s)"},
    {"sessions",
     "SELECT window_start, window_end, k, COUNT(*) AS n, SUM(v) AS s FROM timed GROUP BY "
     "k WINDOW SESSION(t, 2s)"},
    {"changes",
     "SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(id) AS m FROM events GROUP BY k EMIT "
     "EVERY 2ms",
     false, false, true},
    {"changes of windows",
     "SELECT window_start, k, COUNT(*) AS n, SUM(v) AS s FROM timed GROUP BY k WINDOW "
     "SLIDING(t, 10s, 4s) EMIT EVERY 1ms",
     false, false, true},
    {"over",
     "SELECT id, ROW_NUMBER() OVER w AS n, SUM(v) OVER w AS s, MAX(v) OVER (w ROWS 3 "
     "PRECEDING) AS m, LAG(id, 2) OVER w AS l, FIRST_VALUE(id) OVER w AS f FROM paced "
     "WINDOW w AS (PARTITION BY k ORDER BY t, id)"},
    {"over what follows",
     "SELECT id, LEAD(id) OVER (PARTITION BY k ORDER BY t, id) AS n, SUM(v) OVER ("
     "PARTITION BY k ORDER BY t, id ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS s, "
     "COUNT(*) OVER (PARTITION BY v % 3 ORDER BY t RANGE BETWEEN INTERVAL '9' SECOND "
     "PRECEDING AND INTERVAL '5' SECOND FOLLOWING) AS c FROM paced"},
    {"over all",
     "SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY v DESC, id) AS s, RANK() OVER ("
     "ORDER BY v) AS r, NTILE(5) OVER (PARTITION BY k ORDER BY id) AS n FROM events"},
    {"join", "SELECT e.id, e.k, n.name FROM events e LEFT JOIN names n ON e.k = n.k"},
    {"full join", "SELECT n.name, e.id FROM events e FULL JOIN names n ON e.k = n.k"},
    {"top", "SELECT id, v FROM events ORDER BY v DESC, id LIMIT 17 OFFSET 3", true},
    {"limit", "SELECT id FROM events LIMIT 150", true},
    {"union",
     "SELECT id FROM events WHERE v > 100 UNION ALL SELECT id FROM timed WHERE "
     "v < -100"},
    {"endless windows",
     "SELECT k, MIN(id) AS a, MAX(id) AS b, COUNT(*) AS n, SUM(v) AS s FROM feed GROUP "
     "BY "
     "k WINDOW TUMBLING(t, 1s) EMIT FINAL",
     false, true},
    {"endless sliding",
     "SELECT k, MIN(id) AS a, MAX(id) AS b, COUNT(*) AS n, SUM(v) AS s FROM feed GROUP "
     "BY k WINDOW SLIDING(t, 2s, 500ms)",
     false, true},
    {"endless changes",
     "SELECT k, MIN(id) AS a, MAX(id) AS b, COUNT(*) AS n, SUM(v) AS s FROM feed GROUP "
     "BY k EMIT EVERY 20ms",
     false, true, true},
    {"endless sessions",
     "SELECT k, MIN(id) AS a, MAX(id) AS b, COUNT(*) AS n, SUM(v) AS s FROM feed GROUP "
     "BY k WINDOW SESSION(t, 20ms)",
     false, true},
    {"endless rows", "SELECT id, k, v FROM feed WHERE v < 0", false, true},
    {"endless union",
     "SELECT k, MIN(id) AS a, MAX(id) AS b, COUNT(*) AS n, SUM(v) AS s FROM (SELECT id, "
     "k, "
     "v, t FROM even UNION ALL SELECT id, k, v, t FROM odd) GROUP BY k WINDOW "
     "TUMBLING(t, "
     "1s) EMIT FINAL",
     false, true},
};
constexpr int64_t kSessionGapMicros = 20'000;  // of "endless sessions"
const char* const kSinks[] = {"two_phase", "atomic", "idempotent",
                              "none",      "files",  "file"};

// A life that is cut off leaves futures that nobody will ever finish, and what waits for
// them refers to them: no leak of a process that was killed.
class UncheckedLeaks {
 public:
#if defined(__SANITIZE_ADDRESS__)
  UncheckedLeaks() { __lsan_disable(); }
  ~UncheckedLeaks() { __lsan_enable(); }
#endif
};

class CheckpointSimulation : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("millrace-checkpoint-simulation-" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "in");
    Random random(7);
    constexpr int kRows = 400, kFiles = 3;
    for (int part = 0; part < kFiles; ++part) {
      std::ofstream events(folder_ / "in" / fmt::format("events-{}.csv", part));
      events << "id,k,v,t\n";
      for (int i = part * kRows / kFiles; i < (part + 1) * kRows / kFiles; ++i) {
        const int second = i / 3;
        events << fmt::format(
            "{},{},{},2024-01-01 00:{:02}:{:02}\n", i,
            random.Below(10) == 0 ? "" : "k" + std::to_string(random.Below(7)),
            static_cast<int64_t>(random.Below(1000)) - 500, second / 60, second % 60);
      }
    }
    std::ofstream names(folder_ / "names.csv");
    names << "k,name\n";
    for (int i = 0; i < 5; ++i) names << 'k' << i << ",name " << i << '\n';
  }
  void TearDown() override { fs::remove_all(folder_); }

  struct Run {
    int64_t batch_rows = 1 << 16;
    int64_t split_size = 1 << 20;
    int64_t stall_every = 0;
    int64_t attempts = 1;  // of the sink; pauses between them are real
    std::string settings;
  };
  // `split_size` belongs to a life: where splits begin is what positions are kept by.
  std::string Script(const Query& query, const std::string& sink, const Run& run) const {
    const std::string columns = "id BIGINT, k VARCHAR, v BIGINT, t TIMESTAMP";
    const std::string from =
        fmt::format("WITH (connector = 'files', path = '{}', split_size = '{}')",
                    (folder_ / "in" / "*.csv").string(), run.split_size);
    std::string to;
    if (sink == "files") {
      to = fmt::format("connector = 'files', path = '{}/', format = 'csv'",
                       Out().string());
    } else if (sink == "file") {
      to = fmt::format("connector = 'files', path = '{}'", (Out() / "all.csv").string());
    } else {
      to = fmt::format(
          "connector = 'ledger', path = '{}', commit = '{}', "
          "stall_every = '{}'",
          Out().string(), sink, run.stall_every);
    }
    if (query.changes) to += ", changes_column = 'op'";
    to += fmt::format(
        ", retry_backoff = '1ms', retry_attempts = '{}', breaker_failures = '0'",
        run.attempts);
    return fmt::format(
        "{0} SET batch_rows = {1}; CREATE SOURCE events ({2}) {3}; "
        "CREATE SOURCE timed ({2}, WATERMARK FOR t AS t - INTERVAL '0' SECOND) {3}; "
        "CREATE SOURCE paced ({2}, WATERMARK FOR t AS t - INTERVAL '2' SECOND) {3}; {7}"
        "CREATE SOURCE names (k VARCHAR, name VARCHAR) WITH (connector = 'files', path = "
        "'{4}'); CREATE SINK out WITH ({5}); INSERT INTO out {6};",
        run.settings, run.batch_rows, columns, from, (folder_ / "names.csv").string(), to,
        query.text, query.endless ? Feeds(columns) : "");
  }
  static std::string Feeds(const std::string& columns) {
    std::string out;
    for (const auto& [name, half] :
         {std::pair("feed", "all"), {"even", "0"}, {"odd", "1"}})
      out += fmt::format(
          "CREATE SOURCE {} ({}, WATERMARK FOR t AS t - INTERVAL '5' SECOND) WITH "
          "(connector = 'feed', half = '{}'); ",
          name, columns, half);
    return out;
  }
  fs::path Out() const { return folder_ / "out"; }
  fs::path StateDir() const { return folder_ / "state"; }

  // What a reader sees, sorted unless the query says how it is ordered.
  Lines Visible(const Query& query, const std::string& sink) const {
    Lines out;
    for (const auto& entry : fs::recursive_directory_iterator(Out())) {
      const std::string name = entry.path().filename().string();
      const bool ledger = sink != "files" && sink != "file";
      if (!entry.is_regular_file() || name.starts_with(ledger ? "none" : ".")) continue;
      if (ledger && !name.starts_with("rows-")) continue;
      std::ifstream file(entry.path());
      std::string line;
      if (!ledger) std::getline(file, line);
      while (std::getline(file, line)) out.push_back(line);
    }
    if (query.changes) out = Folded(out);
    if (sink != "file" || !query.ordered) std::sort(out.begin(), out.end());
    return out;
  }

  // What is left once every line has done what its end says.
  static Lines Folded(const Lines& lines) {
    std::map<std::string, int64_t> there;
    for (const std::string& line : lines) {
      const bool adds = line.ends_with("+I") || line.ends_with("+U");
      there[line.substr(0, line.size() - 3)] += adds ? 1 : -1;
    }
    Lines out;
    for (const auto& [line, count] : there) {
      EXPECT_GE(count, 0) << line << " was taken back more often than it was there";
      for (int64_t i = 0; i < count; ++i) out.push_back(line);
    }
    return out;
  }

  // Is there anything that the next run would go on from?
  bool HasManifests() const {
    if (!fs::exists(StateDir() / "life")) return false;
    for (const auto& entry : fs::directory_iterator(StateDir() / "life")) {
      if (entry.path().filename().string().starts_with("epoch-")) return true;
    }
    return false;
  }

  void Clear() const {
    fs::remove_all(Out());
    fs::remove_all(StateDir());
    fs::create_directories(Out());
  }

  // The rows of one run that nothing disturbs and that writes no checkpoint.
  const Lines& Expected(const Query& query, const std::string& sink) {
    const bool ledger = sink != "files" && sink != "file";
    auto [found, added] =
        expected_.try_emplace({query.name, ledger ? "two_phase" : sink});
    if (!added) return found->second;
    Clear();
    auto files = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), 1 << 30,
                                               FaultyFiles::Fault::kOnce);
    Process world(1, 1, 1'700'000'000'000'000, files);
    Session session(world.engine.get(), {});
    Driver driver(world.engine.get(), 0, nullptr);
    Run run;
    run.settings = "SET checkpoints = 'off';";
    const Status status =
        session.Execute(Script(query, ledger ? "two_phase" : sink, run), "", driver);
    EXPECT_TRUE(status.ok()) << status.ToString();
    found->second = Visible(query, sink);
    EXPECT_FALSE(found->second.empty());
    return found->second;
  }

  // Parts come and go for three seconds; a row's time follows its arrival, ten times as
  // fast, so that the delay of five seconds is a thousand steps: no row is late. The last
  // row is so far ahead that it closes all windows but its own.
  static crash::Feed MakeFeed(Random& random) {
    constexpr int64_t kMillis = kFeedNanos / 1'000'000, kNanos = 1'000'000;
    crash::Feed out;
    const auto parts = static_cast<int64_t>(1 + random.Below(9));
    int64_t id = 0;
    for (int64_t i = 0; i < parts; ++i) {
      crash::Feed::Part part;
      part.arrives_nanos = kMillis * kNanos * i / parts;
      part.ends = random.Below(4) == 0;
      // Some parts are quiet early.
      const int64_t until =
          kMillis * kNanos - static_cast<int64_t>(random.Below(2000)) * kNanos;
      for (int64_t at = part.arrives_nanos; at < until;
           at += static_cast<int64_t>(random.Below(120) * random.Below(5)) * kNanos +
                 1'000'000) {
        const int64_t t = at / 100 - static_cast<int64_t>(random.Below(2'000'000));
        part.rows.push_back({at, id++, "k" + std::to_string(random.Below(5)),
                             static_cast<int64_t>(random.Below(1000)) - 500,
                             1'704'067'200'000'000 + t});
      }
      out.parts.push_back(std::move(part));
    }
    out.parts.back().ends = false;
    out.parts.back().rows.push_back(
        {kMillis * kNanos, id, "last", 0, 1'704'067'200'000'000 + 86'400'000'000});
    return out;
  }

  // What a query over a feed gives, as the sink shows it.
  static Lines ExpectedOf(const crash::Feed& feed, const Query& query,
                          const std::string& sink) {
    const char* joint = sink == "files" ? "," : "|";
    Lines out;
    struct Sums {
      int64_t least = 0, most = 0, count = 0, sum = 0;
    };
    std::map<std::pair<int64_t, std::string>, Sums> windows;
    std::vector<crash::Feed::Row> rows;
    for (const auto& part : feed.parts)
      rows.insert(rows.end(), part.rows.begin(), part.rows.end());
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
      return std::tie(a.k, a.t_micros) < std::tie(b.k, b.t_micros);
    });
    const std::string_view name = query.name;
    int64_t session = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto& row = rows[i];
      if (name == "endless rows") {
        if (row.v < 0)
          out.push_back(fmt::format("{}{}{}{}{}", row.id, joint, row.k, joint, row.v));
        continue;
      }
      const bool follows = i > 0 && rows[i - 1].k == row.k &&
                           row.t_micros - rows[i - 1].t_micros < kSessionGapMicros;
      session += !follows;
      std::vector<int64_t> its = {row.t_micros / 1'000'000};
      if (name == "endless changes") its = {0};
      if (name == "endless sessions") its = {session};
      if (name == "endless sliding") {
        const int64_t slice = row.t_micros / 500'000;
        its = {slice, slice - 1, slice - 2, slice - 3};
      }
      for (const int64_t window : its) {
        auto [at, added] = windows.try_emplace({window, row.k});
        Sums& sums = at->second;
        sums.least = added ? row.id : std::min(sums.least, row.id);
        sums.most = std::max(sums.most, row.id);
        ++sums.count;
        sums.sum += row.v;
      }
    }
    for (const auto& [key, sums] : windows) {
      if (key.second == "last" && name != "endless changes") continue;
      out.push_back(fmt::format("{1}{0}{2}{0}{3}{0}{4}{0}{5}", joint, key.second,
                                sums.least, sums.most, sums.count, sums.sum));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void Live(uint64_t seed);

  fs::path folder_;
  std::map<std::pair<std::string, std::string>, Lines> expected_;
  int64_t crashed_ = 0, failed_ = 0, went_on_ = 0, stopped_ = 0;
};

// Every line as often as expected, or, where rows may repeat, at least once.
void ExpectLines(const Lines& got, const Lines& expected, bool repeats) {
  if (!repeats) {
    Lines missing, extra, left = got, right = expected;
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    std::set_difference(right.begin(), right.end(), left.begin(), left.end(),
                        std::back_inserter(missing));
    std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                        std::back_inserter(extra));
    ASSERT_TRUE(got == expected)
        << "missing: " << testing::PrintToString(missing)
        << "\ntoo many: " << testing::PrintToString(extra) << "\nof " << expected.size()
        << (missing.empty() && extra.empty() ? ", in disorder" : "");
    return;
  }
  ASSERT_EQ(std::set<std::string>(got.begin(), got.end()),
            std::set<std::string>(expected.begin(), expected.end()));
  ASSERT_TRUE(std::includes(got.begin(), got.end(), expected.begin(), expected.end()));
}

void CheckpointSimulation::Live(uint64_t seed) {
  Random random(seed * 0x9E3779B97F4A7C15ull + 1);
  const Query& query = kQueries[random.Below(std::size(kQueries))];
  // A single file is written at the end of the input.
  std::string sink = kSinks[random.Below(std::size(kSinks) - (query.endless ? 1 : 0))];
  // Changes that come twice leave something else.
  if (query.changes && sink == "none") sink = "two_phase";
  SCOPED_TRACE(fmt::format("{}\n{} into {}", HowToRepeat(seed), query.name, sink));
  const uint64_t slower = query.endless ? 20 : 1;
  auto feed = std::make_shared<crash::Feed>();
  if (query.endless) *feed = MakeFeed(random);
  const Lines expected =
      query.endless ? ExpectedOf(*feed, query, sink) : Expected(query, sink);
  Clear();
  bool disk_was_full = false;
  Run run;
  run.split_size = static_cast<int64_t>(256 + random.Below(8192));
  std::string history;
  for (int round = 0;; ++round) {
    ASSERT_LT(round, 60) << "the life has no end:" << history;
    const auto ending =
        round < 8 ? static_cast<Ending>(random.Below(kEndings)) : Ending::kUndisturbed;
    const int shards = static_cast<int>(1 + random.Below(4));
    run.batch_rows = static_cast<int64_t>(1 + random.Below(40));
    run.stall_every = static_cast<int64_t>(random.Below(2) * (1 + random.Below(5)) * 2);
    run.attempts = static_cast<int64_t>(1 + random.Below(2));
    run.settings = fmt::format(
        "SET name = 'life'; SET checkpoints = 'on'; SET state_dir = '{}'; SET "
        "checkpoint_interval = '{}ms'; SET checkpoints_retained = {};",
        StateDir().string(), (1 + random.Below(10)) * slower, 1 + random.Below(3));
    const bool by_change =
        ending == Ending::kCrashAtChange || ending == Ending::kFullDisk;
    const auto changes =
        by_change ? static_cast<int64_t>(random.Below(random.Below(2) == 0 ? 30 : 120))
                  : int64_t{1} << 40;
    auto files = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), changes,
                                               ending == Ending::kFullDisk
                                                   ? FaultyFiles::Fault::kOnce
                                                   : FaultyFiles::Fault::kDead);
    // The wall clock of the next run may be behind that of the last.
    const int64_t wall = 1'700'000'000'000'000 +
                         static_cast<int64_t>(random.Below(4)) * 86'400'000'000 -
                         2 * 86'400'000'000;
    history += fmt::format(" {}/{}", static_cast<int>(ending), shards);
    Process world(shards, random.Next(), wall, files, feed);
    std::function<void(Job&)> then;
    const Status crash = errors::kCancelled.Make({}, "crash");
    switch (ending) {
      case Ending::kCrashAtTime:
        then = [&](Job& job) {
          files->Kill();
          job.Cancel(crash);
        };
        break;
      case Ending::kCancelled: then = [&](Job& job) { job.Cancel(crash); }; break;
      case Ending::kStopped: then = [&](Job& job) { job.Stop("", crash); }; break;
      case Ending::kSavepoint:
        then = [&](Job& job) { (void)job.Checkpoint("kept"); };
        break;
      default: break;
    }
    const auto at = static_cast<int64_t>(random.Below(60'000'000) * slower);
    Session session(world.engine.get(), {});
    const int64_t end = std::max<int64_t>(kFeedNanos - feed->passed_nanos, 0);
    Driver driver(world.engine.get(), at, then, query.endless ? end + kPatience : -1);
    const Status status = session.Execute(Script(query, sink, run), "", driver);
    feed->passed_nanos += world.engine->clock().MonotonicNanos();
    ASSERT_FALSE(world.scheduler->stuck()) << history << status.ToString();
    disk_was_full |= ending == Ending::kFullDisk && files->met();
    went_on_ += driver.went_on;
    stopped_ += driver.stopped;
    if (query.endless ? driver.ended && driver.stopped : status.ok() && !driver.stopped)
      break;
    // Killed after the last manifest went, which is the very last step: it has ended.
    const bool crash_run =
        ending == Ending::kCrashAtChange || ending == Ending::kCrashAtTime;
    if (crash_run && sink != "none" && !HasManifests() && !Visible(query, sink).empty())
      break;
    const int number = ErrorNumber(status);
    switch (ending) {
      case Ending::kCrashAtChange: ++crashed_; [[fallthrough]];
      case Ending::kFullDisk:
        failed_ += ending == Ending::kFullDisk;
        ASSERT_TRUE(files->met()) << history << status.ToString();
        ASSERT_GT(number, 0) << history << status.ToString();
        break;
      case Ending::kCrashAtTime: ++crashed_; [[fallthrough]];
      case Ending::kCancelled:
        ASSERT_TRUE(driver.rang) << history << status.ToString();
        break;
      case Ending::kStopped:
        ASSERT_TRUE(driver.rang && driver.stopped) << history << status.ToString();
        break;
      default: FAIL() << history << status.ToString();
    }
  }
  ExpectLines(Visible(query, sink), expected, sink == "none");
  if (testing::Test::HasFatalFailure()) FAIL() << "endings/shards:" << history;
  // Nothing that was only on its way is left.
  for (const auto& entry : fs::recursive_directory_iterator(Out())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name.starts_with("rows-") || name == "all.csv" ||
                (query.endless && name.ends_with(".begun")) ||
                (sink == "files" && name.ends_with(".csv") && name[0] != '.') ||
                // The injected failure may be that of removing a part's reservation,
                // which ends no run.
                (disk_was_full && name.ends_with(".csv.tmp")))
        << name << history;
  }
  // A pipeline at its end has forgotten itself.
  EXPECT_EQ(HasManifests(), query.endless) << history;
}

// One change after the other fails, once or with all after it, and the pipeline is run
// again: a failure may leave a step done or not, and must not be taken for either.
TEST_F(CheckpointSimulation, AnyChangeOfTheDiskMayFail) {
  [[maybe_unused]] const UncheckedLeaks unchecked;
  Run run;
  run.batch_rows = 40;
  run.split_size = 4096;
  run.settings = fmt::format(
      "SET name = 'life'; SET checkpoints = 'on'; SET state_dir = '{}'; SET "
      "checkpoint_interval = '8ms';",
      StateDir().string());
  const Query& query = kQueries[2];
  for (const std::string sink : kSinks) {
    const Lines expected = Expected(query, sink);
    for (const auto fault : {FaultyFiles::Fault::kOnce, FaultyFiles::Fault::kFull,
                             FaultyFiles::Fault::kDead}) {
      int64_t changes = 0;
      for (bool met = true; met; changes += fault == FaultyFiles::Fault::kFull ? 3 : 1) {
        SCOPED_TRACE(fmt::format("{}, change {} fails{}", sink, changes,
                                 fault == FaultyFiles::Fault::kOnce   ? " once"
                                 : fault == FaultyFiles::Fault::kFull ? ", disk is full"
                                                                      : ""));
        Clear();
        auto run_once = [&](uint64_t seed, std::shared_ptr<FaultyFiles> files) {
          Process process(3, seed, 1'700'000'000'000'000, std::move(files));
          Session session(process.engine.get(), {});
          Driver driver(process.engine.get(), 0, nullptr);
          return session.Execute(Script(query, sink, run), "", driver);
        };
        auto files =
            std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), changes, fault);
        const Status first = run_once(5, files);
        met = files->met();
        const bool ended = fault == FaultyFiles::Fault::kDead && !HasManifests() &&
                           sink != "none" && !Visible(query, sink).empty();
        if (!first.ok() && !ended) {
          ASSERT_TRUE(met) << first.ToString();
          // Where it is the state that had no room, its own error stands before that.
          ASSERT_NE(first.ToString().find("MR-2004"), std::string::npos)
              << first.ToString();
          auto again = std::make_shared<FaultyFiles>(
              io::MakeLocalFileSystem(), int64_t{1} << 40, FaultyFiles::Fault::kOnce);
          ASSERT_OK(run_once(6, again));
        }
        ExpectLines(Visible(query, sink), expected, sink == "none");
        if (HasFatalFailure()) return;
        EXPECT_FALSE(HasManifests());
      }
      // Those that take room are fewer.
      EXPECT_GT(changes, fault == FaultyFiles::Fault::kFull ? 10 : 20)
          << "there was little to go wrong";
    }
  }
}

TEST_F(CheckpointSimulation, WhatIsVisibleIsWhatAnUndisturbedRunWrites) {
  [[maybe_unused]] const UncheckedLeaks unchecked;
  const Seeds seeds = SeedsToRun(kLives);
  for (const uint64_t seed : kFailedSeeds) {
    if (!seeds.usual()) break;
    Live(seed);
    if (HasFatalFailure()) return;
  }
  for (uint64_t seed = seeds.from; seed < seeds.end(); ++seed) {
    Live(seed);
    if (HasFatalFailure()) return;
  }
  if (!seeds.usual()) return;
  // The lives were eventful.
  const auto lives = static_cast<int64_t>(seeds.count);
  EXPECT_GT(crashed_, lives / 4);
  EXPECT_GT(failed_, lives / 16);
  EXPECT_GT(went_on_, lives / 4);
  EXPECT_GT(stopped_, lives / 32);
}

}  // namespace
}  // namespace millrace::engine
