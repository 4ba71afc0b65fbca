#include "millrace/connectors/files/files.h"

#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/object_sink.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/pieces.h"
#include "millrace/connectors/files/sink.h"
#include "millrace/connectors/files/source.h"
#include "millrace/connectors/files/watch_source.h"
#include "millrace/io/compression/errors.h"
#include "millrace/io/object_store/open_store.h"

namespace millrace::files {

connector::ConnectorSpec MakeFilesConnector(std::vector<FormatPtr> formats) {
  connector::ConnectorSpec spec;
  spec.name = "files";
  spec.doc =
      "Files, folders, globs and pipes; objects of S3; files of web servers, read.";
  spec.maturity = connector::Maturity::kBeta;
  spec.guarantee =
      "Exactly once: files appear under their final names only when they are complete "
      "and synced (two-phase commit), with checkpoints at each of them; a single file at "
      "its end. Objects in the same way: nobody sees an upload before its commit. "
      "Standard output and pipes that are written: every row at least once. "
      "Watched files go on at their positions after a restart. Pipes that are read can't "
      "be read again: with checkpoints, or into standard output, every row at most once.";
  spec.schemes = {"file", "s3", "http", "https"};
  spec.source_options.push_back({"source", OwnSourceSpec()});
  spec.source_options.push_back({"object stores", io::ObjectStoreSpec()});
  spec.sink_options.push_back({"sink", OwnSinkSpec()});
  spec.sink_options.push_back({"object stores", StoreSinkSpec()});
  for (const FormatPtr& format : formats) {
    const std::string title = "format '" + std::string(format->name()) + "'";
    spec.source_options.push_back({title, format->read_options()});
    spec.sink_options.push_back({title, format->write_options()});
  }
  spec.make_source = [formats](const connector::Options& options,
                               const std::shared_ptr<arrow::Schema>& declared,
                               const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Source>> {
    ARROW_ASSIGN_OR_RAISE(Parsed parsed, ParseSource(formats, options, surroundings));
    if (parsed.own.GetString("mode") == "watch") {
      if (parsed.path == "-" || parsed.path == "/dev/stdin")
        return errors::kCannotWatch.Make({.file = parsed.path}, "");
      if (!parsed.format->can_append() && !parsed.format->tells_its_end())
        return errors::kFormatNotWatched.Make({.file = parsed.path}, "it is '{}'",
                                              parsed.format->name());
      if (const auto compression = CompressionNamed(parsed, parsed.path);
          compression != io::Compression::kNone) {
        return errors::kCompressedGrows.Make({.file = parsed.path}, "it is {}",
                                             io::NameOf(compression));
      }
      return std::make_unique<WatchSource>(std::move(parsed), declared, surroundings);
    }
    return std::make_unique<FilesSource>(std::move(parsed), declared, surroundings);
  };
  spec.make_sink = [formats](const connector::Options& options,
                             const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Sink>> {
    ARROW_ASSIGN_OR_RAISE(Parsed parsed, ParseSink(formats, options, surroundings));
    if (io::IsObjectAddress(parsed.path))
      return ObjectSink::Make(std::move(parsed), surroundings);
    return FilesSink::Make(std::move(parsed), surroundings);
  };
  spec.drop_strays = [](const std::string& strays,
                        const connector::Surroundings& surroundings) {
    return strays.starts_with('{') ? DropUploads(strays, surroundings)
                                   : DropPieces(strays, *surroundings.files);
  };
  return spec;
}

}  // namespace millrace::files
