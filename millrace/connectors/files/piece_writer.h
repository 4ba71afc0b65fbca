// Writers whose files wait as pieces for their commit.
#pragma once

#include <memory>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/partitions.h"
#include "millrace/connectors/files/pieces.h"

namespace millrace::files {

/// What the writers of one sink share.
struct PieceOptions {
  FormatPtr format;
  Config format_options;
  std::shared_ptr<Pieces> pieces;
  int64_t next_epoch = 1;  ///< of the first rows
  // Folders:
  int64_t roll_rows = 0;
  int64_t roll_bytes = 0;
  int64_t max_open_files = 64;
  bool always_a_file = false;  ///< a file at the end though no row ever came
  // The single file:
  std::string target;
  bool append = false;                ///< begin with a copy of the target
  std::vector<PieceToken::Run> runs;  ///< pieces of earlier runs
  bool ended = false;                 ///< an earlier run has completed the file
};

/// Writes parts of a folder: one file an epoch and partition, or several where they roll.
/// Files are synced on the executor; rows of the next epoch go to new ones meanwhile.
std::unique_ptr<connector::SinkWriter> MakePartWriter(
    PieceOptions options, WriterId writer, std::shared_ptr<const Partitions> partitions,
    const connector::Surroundings& surroundings);

/// Writes a single file that is complete at the end only: a piece an epoch, which the
/// last Prepare puts together on the executor without encoding anything again.
std::unique_ptr<connector::SinkWriter> MakeSplicedWriter(
    PieceOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);

/// Run `work` on the executor, or here where there is none; the future has its answer.
template <typename T, typename Work>
Future<T> RunLater(Executor* executor, Work work) {
  auto out = Future<T>::Make();
  auto run = [out, work = std::move(work)]() mutable { out.MarkFinished(work()); };
  if (executor == nullptr) {
    run();
  } else {
    executor->Submit(std::move(run));
  }
  return out;
}

}  // namespace millrace::files
