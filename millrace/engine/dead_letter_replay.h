// Replay: dead letters back through the pipeline that they fell out of.
//
// The raw records take the place of one table that the pipeline reads; its own settings
// parse them, its query and its sink get the rows. Then the file of letters is replaced
// by what is left: letters that failed again, with one attempt more, and those that were
// not tried. Rows are committed before that, so a replay that is killed loses no letter
// and may write rows a second time when it is begun again: at least once.
#pragma once

#include <string>
#include <vector>

#include "millrace/engine/engine.h"
#include "millrace/engine/session.h"

namespace millrace::engine {

struct ReplayRequest {
  std::string file;  ///< of dead letters
  /// The table whose records they are. Empty: the one that the letters name.
  std::string source;
  /// The table or path that is written to, where the pipeline has several.
  std::string target;
  connector::Options from;  ///< over the options of the table that is read
  connector::Options to;    ///< over those of the one that is written to
  /// Fields of a line go by their place in the table, not by their names.
  bool by_place = false;
  /// Rows that a sink refused count as records, too.
  bool refused_rows = false;
  /// Where what is left goes, so that `file` stays as it is; empty: into `file`.
  std::string remaining;
};

struct ReplayOutcome {
  int64_t letters = 0;    ///< in the file
  int64_t tried = 0;      ///< of these
  int64_t remaining = 0;  ///< in `place`
  std::string place;
};

/// Replay through one of `writes`, which Session::PlanWrites gave. Fails with
/// errors::kCannotReplay where rows on their own would give other results (GROUP BY,
/// windows, LIMIT), with errors::kLettersTaken while somebody else works with the file,
/// and with whatever the pipeline fails with; then nothing has changed.
Result<ReplayOutcome> ReplayDeadLetters(Engine* engine, Session* session,
                                        const std::vector<plan::NodePtr>& writes,
                                        const ReplayRequest& request,
                                        SessionListener& listener);

/// Take letters out of `file`: those of `numbers` (from 1), or all. Answers how many.
Result<int64_t> DropDeadLetters(io::FileSystem& files, const std::string& file,
                                const std::vector<int64_t>& numbers, bool all);

}  // namespace millrace::engine
