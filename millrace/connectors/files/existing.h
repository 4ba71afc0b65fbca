// The rows that a file has before others are appended to it.
#pragma once

#include <string>

#include "millrace/formats/format.h"
#include "millrace/io/file_system.h"

namespace millrace::files {

/// May rows of `schema` follow those of the file at `path`, where there is one? Fails
/// with the format's error.
Status CheckExisting(io::FileSystem& files, const std::string& path,
                     const formats::Format& format, const Config& options,
                     const arrow::Schema& schema, const formats::Context& context);

/// Copy the rows of the file at `path` to the end of `to`, with what the last record
/// lacks (a line end); nothing when it has none to which others could be appended. Fails
/// with the format's error when rows of `schema` can't follow those of the file, with
/// kDestinationChanged when it shrinks meanwhile. Answers what the file was.
Result<io::FileInfo> CopyExisting(io::FileSystem& files, const std::string& path,
                                  const formats::Format& format, const Config& options,
                                  const arrow::Schema& schema, io::WritableFile& to,
                                  const formats::Context& context);

}  // namespace millrace::files
