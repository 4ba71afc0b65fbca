#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/sink.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/roll.h"
#include "millrace/connectors/files/staging.h"

namespace millrace::files {

/// How a writer cuts its rows into files.
struct WriterOptions {
  FormatPtr format;
  Config format_options;
  RollOptions roll;
  bool append_to_file = false;  ///< begin with a copy of the destination file
  bool always_a_file = false;   ///< make a file even when no row comes
  bool replaces = true;         ///< false: a name that is there at commit is an error
  std::vector<std::string> deletes;  ///< what this writer's token removes
  std::shared_ptr<Staging> staging;
};

/// Writes the files of one task. Destroyed without Prepare it removes what it wrote.
std::unique_ptr<connector::SinkWriter> MakeFileSinkWriter(
    WriterOptions options, WriterId writer, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);

/// Writes to `path` ("-" for standard output) for good. Class kNone: rows are visible as
/// they are written. Fails with kFileUnwritable; a pipe without a reader is waited for by
/// the writer.
Result<std::unique_ptr<connector::SinkWriter>> MakeStreamWriter(
    WriterOptions options, const std::string& path, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);

}  // namespace millrace::files
