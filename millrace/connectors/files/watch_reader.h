// WatchReader: reads one file as it grows.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "millrace/connector/source.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/schema_check.h"
#include "millrace/connectors/files/watched_files.h"

namespace millrace::files {

/// Where a reader of a watched file is. As bytes it is ordered by generation and place.
struct WatchPosition {
  int64_t generation = 0;  ///< how often the file was seen to begin anew
  int64_t range = 0;       ///< of a file that is read whole; 0 for text
  std::string inner;       ///< the format's own position; "" at the range's beginning
  FileMark mark;           ///< of this generation
  FileMark before;         ///< of what was read last; of text only

  data::Position Encode() const;
  static std::optional<WatchPosition> Decode(const data::Position& position);
};

/// What the readers of one source share.
struct WatchReading {
  std::shared_ptr<const Parsed> options;
  std::shared_ptr<arrow::Schema> schema;  ///< null: not known yet
  bool declared = false;                  ///< the user named the columns
  std::shared_ptr<EarlierFiles> earlier;  ///< null: files are not compared with them
  formats::Pushdown pushdown;
  formats::Context context;
  std::shared_ptr<io::FileSystem> files;
};

/// Holds no descriptor while the file is quiet. `search` outlives the reader or is asked
/// no more.
std::unique_ptr<connector::SplitReader> MakeWatchReader(
    std::shared_ptr<const WatchReading> reading, WatchedFilePtr file,
    std::weak_ptr<WatchedFiles> search);

/// The columns of the file, by its complete lines; null when it has none yet, or is gone.
Result<std::shared_ptr<arrow::Schema>> InferWatched(const WatchReading& reading,
                                                    const std::string& path);

}  // namespace millrace::files
