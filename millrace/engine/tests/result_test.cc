// Whoever asked for rows may take its time with them.
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <arrow/record_batch.h>

#include "millrace/base/testing.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/session.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

class Listener : public SessionListener {
 public:
  Result<JobSummary> Run(Job& job, bool) override {
    job.Start();
    return job.Finish();
  }
  Status OnSchema(const std::shared_ptr<arrow::Schema>&) override { return Status::OK(); }
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    called = true;
    called.notify_all();
    go_on.wait(false);
    if (rows_seen >= fails_at) return Status::Invalid("nobody wants them");
    rows_seen += rows->num_rows();
    return Status::OK();
  }
  Status OnEnd() override { return Status::OK(); }
  void OnMessage(const std::string&) override {}
  Status OnPlan(const std::string&) override { return Status::OK(); }

  std::atomic<bool> called{false};
  std::atomic<bool> go_on{true};
  int64_t rows_seen = 0;
  int64_t fails_at = INT64_MAX;
};

class ResultTest : public testing::Test {
 protected:
  ResultTest() {
    fs::create_directories(folder_);
    std::ofstream file(folder_ / "in.csv");
    file << "n\n";
    for (int i = 0; i < kRows; ++i) file << i << "\n";
  }
  ~ResultTest() override { fs::remove_all(folder_); }
  Status Execute(const std::string& sql, Listener& listener) {
    Session session(engine_.get(), {});
    return session.Execute(sql, "test.sql", listener);
  }
  std::string all() const {
    return "SELECT * FROM '" + (folder_ / "in.csv").string() + "'";
  }

  static constexpr int kRows = 300'000;  // some batches
  const fs::path folder_ =
      fs::temp_directory_path() / ("millrace-result-" + std::to_string(::getpid()));
  std::unique_ptr<Engine> engine_ = Engine::Make({.shards = 1}).ValueOrDie();
};

TEST_F(ResultTest, WhoWaitsHoldsNoShard) {
  Listener slow;
  slow.go_on = false;
  Status ended;
  std::thread asks([&] { ended = Execute(all(), slow); });
  slow.called.wait(false);
  Listener other;
  const Status quick = Execute(all(), other);
  EXPECT_TRUE(quick.ok()) << quick.ToString();
  EXPECT_EQ(other.rows_seen, kRows);
  EXPECT_EQ(slow.rows_seen, 0);
  slow.go_on = true;
  slow.go_on.notify_all();
  asks.join();
  EXPECT_TRUE(ended.ok()) << ended.ToString();
  EXPECT_EQ(slow.rows_seen, kRows);
}

TEST_F(ResultTest, WhoWantsNoMoreEndsIt) {
  for (const int64_t fails_at : {int64_t{0}, int64_t{100'000}, int64_t{kRows - 1}}) {
    Listener some;
    some.fails_at = fails_at;
    const Status status = Execute(all(), some);
    EXPECT_EQ(status.ok(), fails_at == kRows - 1) << status.ToString();
  }
}

}  // namespace
}  // namespace millrace::engine
