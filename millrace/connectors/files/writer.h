#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/sink.h"

namespace millrace::files {

/// What one prepared file needs at commit. Serialised into the commit token.
struct PreparedFile {
  std::string temporary;  ///< path
  std::string name;       ///< final path; empty: the committer numbers it into the folder
};

std::string EncodePrepared(const std::vector<PreparedFile>& files);
Result<std::vector<PreparedFile>> DecodePrepared(const std::string& token);

/// Is `name` a temporary of this connector?
bool IsTemporaryName(const std::string& name);

/// Temporaries that are prepared and not committed yet, with the locks that keep other
/// runs away from them. Shared by the sink and its writers. Thread-safe.
class PreparedFiles {
 public:
  void Add(std::string temporary, std::shared_ptr<void> lock) {
    std::lock_guard guard(mutex_);
    locks_[std::move(temporary)] = std::move(lock);
  }
  /// Everything added so far, which is no longer kept here.
  std::map<std::string, std::shared_ptr<void>> Take() {
    std::lock_guard guard(mutex_);
    return std::exchange(locks_, {});
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<void>> locks_;
};

/// How a writer cuts its rows into files.
struct WriterOptions {
  FormatPtr format;
  Config format_options;
  Destination destination;
  int64_t roll_rows = 0;
  int64_t roll_bytes = 0;
  bool append_to_file = false;  ///< begin with a copy of the destination file
  bool always_a_file = false;   ///< make a file even when no row comes
  std::shared_ptr<PreparedFiles> prepared;
};

/// Writes the files of one task. Destroyed without Prepare it removes what it wrote.
std::unique_ptr<connector::SinkWriter> MakeFileSinkWriter(
    WriterOptions options, WriterId writer, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);
/// Writes to stdout. Class kNone: rows are visible as they are written.
std::unique_ptr<connector::SinkWriter> MakeStdoutWriter(
    WriterOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);

}  // namespace millrace::files
