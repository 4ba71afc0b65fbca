// Rows as text on a standard stream of the process.
#pragma once

#include <memory>
#include <string>

#include "millrace/connector/sink.h"
#include "millrace/connectors/files/files.h"

namespace millrace::files {

struct LineOptions {
  FormatPtr format;  ///< of text: csv, json
  Config format_options;
  std::string prefix;  ///< before every line
  bool to_stderr = false;
};

/// Every batch goes out as soon as it is written. Class kNone: rows are visible then.
std::unique_ptr<connector::SinkWriter> MakeLineWriter(
    LineOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings);

}  // namespace millrace::files
