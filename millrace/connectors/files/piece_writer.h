// A single file whose parts wait as pieces for its end.
#pragma once

#include <memory>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/pieces.h"

namespace millrace::files {

/// Of the writer of a single file.
struct PieceOptions {
  FormatPtr format;
  Config format_options;
  std::shared_ptr<Pieces> pieces;
  int64_t next_epoch = 1;  ///< of the first rows
  std::string target;
  bool append = false;                ///< begin with a copy of the target
  std::vector<PieceToken::Run> runs;  ///< pieces of earlier runs
  bool ended = false;                 ///< an earlier run has completed the file
};

/// Writes a single file that is complete at the end only: a piece an epoch, which the
/// last Prepare puts together on the executor without encoding anything again.
std::unique_ptr<connector::SinkWriter> MakeSplicedWriter(
    PieceOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);

}  // namespace millrace::files
