// What every two-phase sink of a pipeline with checkpoints keeps to: epochs that overlap,
// restarts from the last one that was decided, strays. Call CheckEpochs from a test of
// the connector.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/connector/testkit/faulty_files.h"
#include "millrace/connector/testkit/sink_checks.h"

namespace millrace::connector::testkit {

/// A sink under test. Every check begins with a target of its own.
struct EpochCase {
  /// Make the next target as `before` says; later calls of the others mean that one.
  std::function<void()> reset;
  /// The sink of one start of a pipeline, on the machine's files or on those.
  std::function<Result<std::unique_ptr<Sink>>(const std::string& pipeline,
                                              int64_t attempt,
                                              std::shared_ptr<io::FileSystem> files)>
      make;
  /// The rows that others see there.
  std::function<Result<Rows>()> read;
  /// Pieces there that nobody sees.
  std::function<int64_t()> leftovers;
  /// Rows to write, at least eight.
  std::shared_ptr<arrow::RecordBatch> rows;
  /// Rows that were there before, and whether ours take their place.
  Rows before;
  bool replaces = false;
  /// Nothing is seen before the last epoch.
  bool whole = false;
};

/// A pipeline in miniature: writes `rows` in epochs, keeps what was decided, goes on from
/// there after a failure.
class EpochDriver {
 public:
  static constexpr int kEpochs = 4;

  EpochDriver(const EpochCase& test, std::string pipeline)
      : test_(test), pipeline_(std::move(pipeline)) {}

  int64_t decided() const { return decided_; }
  const std::vector<CommitToken>& tokens() const { return tokens_; }

  /// One start: until the end, or the first failure. `stop`: be killed after that epoch
  /// was decided, before its commit, with rows of the next one written and prepared.
  Status Run(std::shared_ptr<FaultyFiles> files, int64_t stop = -1) {
    ++attempt_;
    ARROW_ASSIGN_OR_RAISE(auto sink, test_.make(pipeline_, attempt_, files));
    ARROW_RETURN_NOT_OK(sink->EnsureTable(test_.rows->schema(), {}));
    if (attempt_ > 1) {
      ARROW_ASSIGN_OR_RAISE(outcome_,
                            sink->committer().Recover(Epoch{decided_}, tokens_));
    }
    std::vector<std::unique_ptr<SinkWriter>> writers;
    for (int i = 0; i < std::min(2, sink->max_writers()); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto writer, sink->Open(WriterId{i}));
      writers.push_back(std::move(writer));
    }
    // The last epoch was decided: there is nothing left but its commit, which Recover
    // did.
    if (decided_ == kEpochs) return Status::OK();
    ARROW_RETURN_NOT_OK(WriteEpoch(writers, decided_ + 1));
    for (int64_t epoch = decided_ + 1; epoch <= kEpochs; ++epoch) {
      std::vector<Future<CommitToken>> pending;
      for (auto& writer : writers) {
        pending.push_back(writer->Prepare(Epoch{epoch}, epoch == kEpochs));
      }
      // Rows of the next epoch do not wait for the disk.
      if (epoch < kEpochs) ARROW_RETURN_NOT_OK(WriteEpoch(writers, epoch + 1));
      std::vector<CommitToken> tokens;
      for (auto& future : pending) {
        ARROW_ASSIGN_OR_RAISE(CommitToken token, future.MoveResult());
        tokens.push_back(std::move(token));
      }
      decided_ = epoch;
      tokens_ = tokens;
      if (epoch == stop) {
        for (auto& writer : writers) {
          if (epoch == kEpochs) break;
          ARROW_RETURN_NOT_OK(
              writer->Prepare(Epoch{epoch + 1}, epoch + 1 == kEpochs).status());
        }
        files->Kill();
        return Status::OK();
      }
      ARROW_RETURN_NOT_OK(sink->committer().Commit(Epoch{epoch}, tokens).status());
    }
    return Status::OK();
  }

  const RecoveryOutcome& outcome() const { return outcome_; }

  /// What others see once `epochs` epochs are committed.
  Result<Rows> Expected(int64_t epochs) const {
    ARROW_ASSIGN_OR_RAISE(Rows rows, RowsOf(*test_.rows));
    const int64_t end = test_.whole && epochs < kEpochs ? 0 : End(epochs);
    Rows out(rows.begin(), rows.begin() + end);
    if (end == 0 || !test_.replaces) {
      out.insert(out.end(), test_.before.begin(), test_.before.end());
    }
    return Sorted(std::move(out));
  }

 private:
  // The third epoch has no rows.
  int64_t End(int64_t epochs) const {
    const int64_t part = test_.rows->num_rows() / 3;
    if (epochs >= kEpochs) return test_.rows->num_rows();
    return part * std::min<int64_t>(epochs, 2);
  }
  Status WriteEpoch(std::vector<std::unique_ptr<SinkWriter>>& writers, int64_t epoch) {
    const int64_t begin = End(epoch - 1), end = End(epoch), middle = (begin + end) / 2;
    if (begin == end) return Status::OK();
    ARROW_RETURN_NOT_OK(WriteRows(*writers[0], test_.rows->Slice(begin, middle - begin)));
    return WriteRows(*writers.back(), test_.rows->Slice(middle, end - middle));
  }

  const EpochCase& test_;
  const std::string pipeline_;
  int64_t attempt_ = 0;
  int64_t decided_ = 0;
  std::vector<CommitToken> tokens_;
  RecoveryOutcome outcome_;
};

inline std::shared_ptr<FaultyFiles> Healthy() {
  return std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), INT64_MAX,
                                       FaultyFiles::Fault::kOnce);
}

/// Each epoch is seen after its commit and not before; a second commit changes nothing.
inline void CheckOverlappingEpochs(const EpochCase& test) {
  test.reset();
  const EpochDriver expected(test, "");
  ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 1, nullptr));
  ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  const int64_t part = test.rows->num_rows() / 3;
  ASSERT_OK(WriteRows(*writer, test.rows->Slice(0, part)));
  auto first = writer->Prepare(Epoch{1}, false);
  ASSERT_OK(WriteRows(*writer, test.rows->Slice(part, part)));
  auto second = writer->Prepare(Epoch{2}, false);
  ASSERT_OK(first.status());
  ASSERT_OK(second.status());
  EXPECT_EQ(first.result()->rows, part);
  EXPECT_EQ(second.result()->rows, part);
  ASSERT_OK_AND_ASSIGN(Rows seen, test.read());
  ASSERT_OK_AND_ASSIGN(Rows rows, expected.Expected(0));
  EXPECT_EQ(Sorted(seen), rows) << "prepared";
  for (int64_t epoch = 1; epoch <= 2; ++epoch) {
    const std::vector<CommitToken> tokens = {epoch == 1 ? *first.result()
                                                        : *second.result()};
    ASSERT_OK_AND_ASSIGN(rows, expected.Expected(epoch));
    for (int time = 0; time < 2; ++time) {
      ASSERT_OK(sink->committer().Commit(Epoch{epoch}, tokens).status());
      ASSERT_OK_AND_ASSIGN(seen, test.read());
      EXPECT_EQ(Sorted(seen), rows) << "epoch " << epoch << ", commit " << time + 1;
    }
  }
  auto empty = writer->Prepare(Epoch{3}, false);
  ASSERT_OK(empty.status());
  EXPECT_EQ(empty.result()->rows, 0);
  // A file that is seen at its end only tells its pieces in every epoch.
  EXPECT_EQ(empty.result()->empty(), !test.whole);
  ASSERT_OK(sink->committer().Commit(Epoch{3}, {*empty.result()}).status());
  ASSERT_OK(WriteRows(*writer, test.rows->Slice(2 * part)));
  auto last = writer->Prepare(Epoch{4}, true);
  ASSERT_OK(last.status());
  for (int time = 0; time < 2; ++time) {
    ASSERT_OK(sink->committer().Commit(Epoch{4}, {*last.result()}).status());
  }
  ASSERT_OK_AND_ASSIGN(rows, expected.Expected(EpochDriver::kEpochs));
  ASSERT_OK_AND_ASSIGN(seen, test.read());
  EXPECT_EQ(Sorted(seen), rows);
  EXPECT_EQ(test.leftovers(), 0);
}

/// A new process commits what was decided, whether or not it had been committed, aborts
/// what was not, and goes on.
inline void CheckRestart(const EpochCase& test) {
  for (int64_t stop = 0; stop <= EpochDriver::kEpochs; ++stop) {
    for (const bool committed : {false, true}) {
      SCOPED_TRACE("stopped after epoch " + std::to_string(stop) +
                   (committed ? ", committed" : ""));
      test.reset();
      EpochDriver driver(test, "p");
      if (stop > 0) {
        ASSERT_OK(driver.Run(Healthy(), stop));
        ASSERT_EQ(driver.decided(), stop);
      } else {
        // Killed before anything was decided.
        ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 1, nullptr));
        ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
        ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
        ASSERT_OK(WriteRows(*writer, test.rows->Slice(0, 3)));
        ASSERT_OK(writer->Prepare(Epoch{1}, false).status());
      }
      if (committed) {
        ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 2, nullptr));
        ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
        ASSERT_OK(
            sink->committer().Recover(Epoch{driver.decided()}, driver.tokens()).status());
      }
      ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 3, nullptr));
      ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
      ASSERT_OK(
          sink->committer().Recover(Epoch{driver.decided()}, driver.tokens()).status());
      ASSERT_OK_AND_ASSIGN(Rows rows, driver.Expected(stop));
      ASSERT_OK_AND_ASSIGN(Rows seen, test.read());
      EXPECT_EQ(Sorted(seen), rows);
      if (!test.whole || stop == EpochDriver::kEpochs) {
        EXPECT_EQ(test.leftovers(), 0);
      }
      sink.reset();
      EpochDriver rest = driver;
      if (stop == 0) ASSERT_OK(rest.Run(nullptr));
      ASSERT_OK(rest.Run(nullptr));
      ASSERT_OK_AND_ASSIGN(rows, driver.Expected(EpochDriver::kEpochs));
      ASSERT_OK_AND_ASSIGN(seen, test.read());
      EXPECT_EQ(Sorted(seen), rows);
      EXPECT_EQ(test.leftovers(), 0);
    }
  }
}

/// What another pipeline prepared stays, whoever starts beside it.
inline void CheckOtherPipelines(const EpochCase& test) {
  test.reset();
  EpochDriver other(test, "other pipeline/with a name");
  ASSERT_OK(other.Run(Healthy(), 1));
  const int64_t waiting = test.leftovers();
  EXPECT_GT(waiting, 0);
  for (int64_t attempt : {1, 2}) {
    ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", attempt, nullptr));
    ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
    ASSERT_OK_AND_ASSIGN(const RecoveryOutcome outcome,
                         sink->committer().Recover(Epoch{0}, {}));
    EXPECT_EQ(outcome.aborted, 0);
    EXPECT_EQ(test.leftovers(), waiting);
  }
  ASSERT_OK(other.Run(nullptr));
  ASSERT_OK_AND_ASSIGN(const Rows rows, other.Expected(EpochDriver::kEpochs));
  ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
  EXPECT_EQ(Sorted(seen), rows);
}

/// Whichever change of the disk fails, once or for good, a restart completes the rows.
inline void CheckFaults(const EpochCase& test) {
  for (const auto fault : {FaultyFiles::Fault::kOnce, FaultyFiles::Fault::kFull,
                           FaultyFiles::Fault::kDead}) {
    // Not every change: two thirds of them bring nothing new and cost seconds.
    bool met = true;
    for (int64_t at = fault == FaultyFiles::Fault::kDead ? 1 : 0; met; at += 3) {
      SCOPED_TRACE("fault at change " + std::to_string(at) +
                   (fault == FaultyFiles::Fault::kDead   ? ", for good"
                    : fault == FaultyFiles::Fault::kFull ? ", as the disk is full"
                                                         : ""));
      test.reset();
      EpochDriver driver(test, "p");
      auto files = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), at, fault);
      Status status = driver.Run(files);
      met = files->met();
      // A fault may be met where it does no harm, while cleaning up.
      for (int64_t again = at / 2; !status.ok(); again = INT64_MAX) {
        ASSERT_EQ(ErrorNumber(status), errors::kDiskFull.number) << status.ToString();
        // The restart fails too, somewhere else.
        files = std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), again, fault);
        status = driver.Run(again == INT64_MAX ? Healthy() : files);
        if (again == INT64_MAX) ASSERT_OK(status);
      }
      ASSERT_EQ(driver.decided(), EpochDriver::kEpochs);
      ASSERT_OK_AND_ASSIGN(const Rows rows, driver.Expected(EpochDriver::kEpochs));
      ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
      ASSERT_EQ(Sorted(seen), rows);
    }
  }
}

/// A commit that fails anywhere on its way is asked for again, of the same sink, and
/// completes: every row is seen once.
inline void CheckRepeatedCommits(const EpochCase& test) {
  for (const auto fault : {FaultyFiles::Fault::kOnce, FaultyFiles::Fault::kDone,
                           FaultyFiles::Fault::kDead}) {
    bool met = true;
    for (int64_t at = 0; met; at += 1 + at / 6) {
      SCOPED_TRACE("change " + std::to_string(at) + " of the commit fails" +
                   (fault == FaultyFiles::Fault::kDone   ? ", though it was done"
                    : fault == FaultyFiles::Fault::kDead ? ", and all after it"
                                                         : ""));
      test.reset();
      const EpochDriver expected(test, "");
      auto files =
          std::make_shared<FaultyFiles>(io::MakeLocalFileSystem(), INT64_MAX, fault);
      ASSERT_OK_AND_ASSIGN(auto sink, test.make("p", 1, files));
      ASSERT_OK(sink->EnsureTable(test.rows->schema(), {}));
      ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
      const int64_t half = test.rows->num_rows() / 2;
      ASSERT_OK(WriteRows(*writer, test.rows->Slice(0, half)));
      auto first = writer->Prepare(Epoch{1}, false);
      ASSERT_OK(first.status());
      ASSERT_OK(sink->committer().Commit(Epoch{1}, {*first.result()}).status());
      ASSERT_OK(WriteRows(*writer, test.rows->Slice(half)));
      auto last = writer->Prepare(Epoch{2}, true);
      ASSERT_OK(last.status());
      files->FailAfter(at);
      const Status status = sink->committer().Commit(Epoch{2}, {*last.result()}).status();
      met = files->met();
      EXPECT_TRUE(met || status.ok()) << status.ToString();
      files->FailAfter(INT64_MAX);
      if (!status.ok()) {
        ASSERT_OK(sink->committer().Commit(Epoch{2}, {*last.result()}).status());
      }
      ASSERT_OK_AND_ASSIGN(const Rows rows, expected.Expected(EpochDriver::kEpochs));
      ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
      ASSERT_EQ(Sorted(seen), rows);
      // The injected failure may be that of removing a part's reservation.
      EXPECT_LE(test.leftovers(), met ? 1 : 0);
    }
  }
}

inline void CheckEpochs(const EpochCase& test) {
  CheckOverlappingEpochs(test);
  CheckRestart(test);
  CheckOtherPipelines(test);
  CheckFaults(test);
  CheckRepeatedCommits(test);
}

}  // namespace millrace::connector::testkit
