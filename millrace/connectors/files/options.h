// The options of the files connector, and the choice of the format.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/connectors/files/files.h"
#include "millrace/connectors/files/remote_access.h"
#include "millrace/data/dead_letter.h"
#include "millrace/io/compression/compression.h"

namespace millrace::files {

/// All options of a source: its own, and those of object stores.
const ConfigSpec& SourceSpec();
const ConfigSpec& OwnSourceSpec();
/// The same of a sink.
const ConfigSpec& SinkSpec();
const ConfigSpec& OwnSinkSpec();
const ConfigSpec& StoreSinkSpec();

/// Does the name of `path` end in one of the format's extensions, in any case?
bool HasExtensionOf(const formats::Format& format, const std::string& path);

/// Options after the format is known and everything is validated.
struct Parsed {
  FormatPtr format;
  Config own;  ///< of SourceSpec or SinkSpec
  Config format_options;
  std::string path;
  std::shared_ptr<io::FileSystem> files;  ///< in which the path is
  /// Set where the files are on other machines: reading them blocks.
  std::shared_ptr<RemoteAccess> remote;
};

/// What the options, or else its name, tell of the compression of a source's file; kNone
/// where only its bytes can tell.
io::Compression CompressionNamed(const Parsed& source, const std::string& path);

/// `given` split between the connector and its format; an option of neither is unknown.
Result<Parsed> ParseSource(const std::vector<FormatPtr>& formats,
                           const connector::Options& given,
                           const connector::Surroundings& surroundings);
Result<Parsed> ParseSink(const std::vector<FormatPtr>& formats,
                         const connector::Options& given,
                         const connector::Surroundings& surroundings);

}  // namespace millrace::files
