// What every two-phase sink keeps to. Call CheckSink from a test of the connector.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connector/testkit/rows.h"

namespace millrace::connector::testkit {

/// A sink under test. Every check begins with an empty target of its own.
struct SinkCase {
  /// Make the next target empty; later calls of the others mean that one.
  std::function<void()> reset;
  /// A new sink on the target: what another process would make.
  std::function<Result<std::unique_ptr<Sink>>()> make;
  /// The rows that others see there; none when the target does not exist.
  std::function<Result<Rows>()> read;
  /// Pieces there that nobody sees.
  std::function<int64_t()> leftovers;
  /// The sink gives encoders (Sink::NewEncoder).
  bool encodes = false;
  /// Rows to write, at least four.
  std::shared_ptr<arrow::RecordBatch> rows;
};

struct Opened {
  std::unique_ptr<Sink> sink;
  std::vector<std::unique_ptr<SinkWriter>> writers;
};

inline Result<Opened> OpenSink(const SinkCase& test, int writers) {
  Opened out;
  ARROW_ASSIGN_OR_RAISE(out.sink, test.make());
  ARROW_RETURN_NOT_OK(out.sink->EnsureTable(test.rows->schema(), {}));
  for (int i = 0; i < writers; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto writer, out.sink->Open(WriterId{i}));
    out.writers.push_back(std::move(writer));
  }
  return out;
}

inline Status WriteRows(SinkWriter& writer,
                        const std::shared_ptr<arrow::RecordBatch>& rows) {
  auto bell = std::make_shared<Bell>();
  data::Batch batch;
  batch.rows = rows;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(WriteState state, writer.Write(batch, Waker(bell)));
    if (state == WriteState::kAccepted) return Status::OK();
    bell->Wait();
  }
}

inline Result<std::vector<CommitToken>> PrepareAll(Opened& opened, Epoch epoch) {
  std::vector<CommitToken> tokens;
  for (auto& writer : opened.writers) {
    Future<CommitToken> prepared = writer->Prepare(epoch, /*last=*/true);
    ARROW_ASSIGN_OR_RAISE(CommitToken token, prepared.MoveResult());
    tokens.push_back(std::move(token));
  }
  return tokens;
}

/// Nothing is seen before Commit, everything after it, and a second Commit changes
/// nothing.
inline void CheckCommit(const SinkCase& test) {
  test.reset();
  ASSERT_OK_AND_ASSIGN(const Rows expected, RowsOf(*test.rows));
  ASSERT_OK_AND_ASSIGN(Opened opened, OpenSink(test, 1));
  ASSERT_OK(WriteRows(*opened.writers[0], test.rows));
  ASSERT_OK_AND_ASSIGN(Rows seen, test.read());
  EXPECT_EQ(seen, Rows());
  ASSERT_OK_AND_ASSIGN(auto tokens, PrepareAll(opened, Epoch{1}));
  EXPECT_EQ(tokens[0].rows, test.rows->num_rows());
  ASSERT_OK_AND_ASSIGN(seen, test.read());
  EXPECT_EQ(seen, Rows());
  for (int time = 0; time < 2; ++time) {
    ASSERT_OK(opened.sink->committer().Commit(Epoch{1}, tokens).status());
    ASSERT_OK_AND_ASSIGN(seen, test.read());
    EXPECT_EQ(Sorted(seen), Sorted(expected)) << "commit " << time + 1;
  }
  opened = {};
  EXPECT_EQ(test.leftovers(), 0);
  ASSERT_OK_AND_ASSIGN(seen, test.read());
  EXPECT_EQ(Sorted(seen), Sorted(expected));
}

/// A sink that goes away without Commit leaves nothing that others see. What was prepared
/// may wait for a Recover; a new run that knows nothing of it removes it.
inline void CheckAbandoned(const SinkCase& test) {
  for (const bool prepare : {false, true}) {
    test.reset();
    {
      ASSERT_OK_AND_ASSIGN(Opened opened, OpenSink(test, 1));
      ASSERT_OK(WriteRows(*opened.writers[0], test.rows));
      if (prepare) ASSERT_OK(PrepareAll(opened, Epoch{1}).status());
    }
    ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
    EXPECT_EQ(seen, Rows()) << (prepare ? "prepared" : "written");
    if (prepare) ASSERT_OK(OpenSink(test, 0).status());
    EXPECT_EQ(test.leftovers(), 0) << (prepare ? "prepared" : "written");
  }
}

/// Writers at the same time, each with a part of the rows, become visible together.
inline void CheckParallelWriters(const SinkCase& test) {
  test.reset();
  ASSERT_OK_AND_ASSIGN(auto sink, test.make());
  const int writers = std::min(3, sink->max_writers());
  sink.reset();
  ASSERT_OK_AND_ASSIGN(Opened opened, OpenSink(test, writers));
  for (int64_t row = 0; row < test.rows->num_rows(); ++row) {
    ASSERT_OK(WriteRows(*opened.writers[static_cast<size_t>(row % writers)],
                        test.rows->Slice(row, 1)));
  }
  ASSERT_OK_AND_ASSIGN(auto tokens, PrepareAll(opened, Epoch{1}));
  ASSERT_OK(opened.sink->committer().Commit(Epoch{1}, tokens).status());
  ASSERT_OK_AND_ASSIGN(const Rows expected, RowsOf(*test.rows));
  ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
  EXPECT_EQ(Sorted(seen), Sorted(expected));
}

/// Recover commits the tokens of the decided epoch, once, and aborts what nobody decided.
inline void CheckRecover(const SinkCase& test) {
  for (const bool committed : {false, true}) {
    test.reset();
    ASSERT_OK_AND_ASSIGN(Opened opened, OpenSink(test, 1));
    ASSERT_OK(WriteRows(*opened.writers[0], test.rows));
    ASSERT_OK_AND_ASSIGN(auto tokens, PrepareAll(opened, Epoch{1}));
    if (committed) {
      ASSERT_OK(opened.sink->committer().Commit(Epoch{1}, tokens).status());
    }
    ASSERT_OK(opened.sink->committer().Recover(Epoch{1}, tokens).status());
    ASSERT_OK_AND_ASSIGN(const Rows expected, RowsOf(*test.rows));
    ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
    EXPECT_EQ(Sorted(seen), Sorted(expected)) << (committed ? "committed" : "prepared");
  }
  test.reset();
  ASSERT_OK_AND_ASSIGN(Opened opened, OpenSink(test, 1));
  ASSERT_OK(WriteRows(*opened.writers[0], test.rows));
  ASSERT_OK(PrepareAll(opened, Epoch{1}).status());
  ASSERT_OK_AND_ASSIGN(const RecoveryOutcome outcome,
                       opened.sink->committer().Recover(Epoch{0}, {}));
  EXPECT_EQ(outcome.aborted, 1);
  ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
  EXPECT_EQ(seen, Rows());
  EXPECT_EQ(test.leftovers(), 0);
}

/// Pieces that several encoders made apart, put one after another between rows that the
/// writer encoded itself: every row, in order. A sink that says so gives none.
inline void CheckEncoders(const SinkCase& test) {
  test.reset();
  ASSERT_OK_AND_ASSIGN(Opened opened, OpenSink(test, 1));
  const int64_t quarter = test.rows->num_rows() / 4;
  ASSERT_OK(WriteRows(*opened.writers[0], test.rows->Slice(0, quarter)));
  std::vector<std::unique_ptr<data::RowEncoder>> encoders;
  std::vector<std::vector<data::EncodedRows>> pieces(2);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto encoder, opened.sink->NewEncoder());
    ASSERT_EQ(encoder != nullptr, test.encodes);
    if (!test.encodes) return;
    const int64_t begin = quarter * static_cast<int64_t>(i + 1);
    ASSERT_OK(encoder->Encode(test.rows->Slice(begin, 1), &pieces[i]));
    ASSERT_OK(encoder->Encode(test.rows->Slice(begin + 1, quarter - 1), &pieces[i]));
    ASSERT_OK(encoder->Flush(&pieces[i]));
    EXPECT_EQ(encoder->buffered_bytes(), 0);
    encoders.push_back(std::move(encoder));
  }
  auto bell = std::make_shared<Bell>();
  for (const auto& of_encoder : pieces) {
    int64_t rows = 0;
    for (const data::EncodedRows& piece : of_encoder) {
      rows += piece.rows;
      for (;;) {
        ASSERT_OK_AND_ASSIGN(const WriteState state,
                             opened.writers[0]->WriteEncoded(piece, Waker(bell)));
        if (state == WriteState::kAccepted) break;
        bell->Wait();
      }
    }
    EXPECT_EQ(rows, quarter);
  }
  ASSERT_OK(WriteRows(*opened.writers[0], test.rows->Slice(3 * quarter)));
  ASSERT_OK_AND_ASSIGN(auto tokens, PrepareAll(opened, Epoch{1}));
  EXPECT_EQ(tokens[0].rows, test.rows->num_rows());
  ASSERT_OK(opened.sink->committer().Commit(Epoch{1}, tokens).status());
  ASSERT_OK_AND_ASSIGN(const Rows expected, RowsOf(*test.rows));
  ASSERT_OK_AND_ASSIGN(const Rows seen, test.read());
  EXPECT_EQ(seen, expected);
}

inline void CheckSink(const SinkCase& test) {
  CheckCommit(test);
  CheckAbandoned(test);
  CheckParallelWriters(test);
  CheckRecover(test);
  CheckEncoders(test);
}

}  // namespace millrace::connector::testkit
