#include "millrace/connectors/print/print.h"

#include <string>
#include <utility>

#include <arrow/type.h>

#include "millrace/connector/nothing_to_commit.h"
#include "millrace/connectors/files/line_writer.h"

namespace millrace::print {

namespace {

constexpr const char kOwner[] = "connector 'print'";

const ConfigSpec& SinkSpec() {
  static const ConfigSpec spec({
      {.name = "format",
       .type = OptionType::kEnum,
       .default_value = "json",
       .choices = {"json", "csv"},
       .doc = "json: an object a line. csv: values divided by commas, below a line of "
              "names."},
      {.name = "stream",
       .type = OptionType::kEnum,
       .default_value = "stdout",
       .choices = {"stdout", "stderr"},
       .doc = "Standard output or standard error, where messages of the program go too."},
      {.name = "prefix",
       .default_value = "",
       .doc = "Text before every line, so that several streams can be told apart."},
  });
  return spec;
}

class PrintSink final : public connector::Sink {
 public:
  PrintSink(files::LineOptions options, connector::Surroundings surroundings)
      : options_(std::move(options)), surroundings_(std::move(surroundings)) {}

  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                     const std::vector<std::string>&) override {
    schema_ = schema;
    return Status::OK();
  }
  Status Apply(const connector::SchemaChange&) override {
    return Status::NotImplemented("lines keep the columns that they began with");
  }
  connector::Accepts accepts() const override { return {}; }
  connector::CommitClass commit_class() const override {
    return connector::CommitClass::kNone;
  }
  int max_writers() const override { return 1; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId) override {
    return files::MakeLineWriter(options_, schema_, surroundings_);
  }
  connector::Committer& committer() override { return committer_; }

 private:
  const files::LineOptions options_;
  const connector::Surroundings surroundings_;
  std::shared_ptr<arrow::Schema> schema_;
  connector::NothingToCommit committer_;
};

}  // namespace

connector::ConnectorSpec MakePrintConnector(std::vector<files::FormatPtr> formats) {
  connector::ConnectorSpec spec;
  spec.name = "print";
  spec.doc = "Rows as lines of text on standard output or standard error: for looking.";
  spec.guarantee =
      "At least once: a line is visible as soon as it is written, and comes again after "
      "a "
      "restart from a checkpoint before it.";
  spec.sink_options.push_back({"sink", SinkSpec()});
  spec.make_sink = [formats = std::move(formats)](
                       const connector::Options& options,
                       const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Sink>> {
    ARROW_ASSIGN_OR_RAISE(const Config config,
                          SinkSpec().Parse(kOwner, options, surroundings.environment));
    files::LineOptions lines;
    for (const files::FormatPtr& format : formats) {
      if (format->name() == config.GetString("format")) lines.format = format;
    }
    if (!lines.format) {
      return errors::kInternal.Make({}, "{}: there is no format '{}'", kOwner,
                                    config.GetString("format"));
    }
    // Compressed, nobody could read them.
    connector::Options plain;
    if (lines.format->compresses()) plain["compression"] = "none";
    ARROW_ASSIGN_OR_RAISE(lines.format_options,
                          lines.format->write_options().Parse(kOwner, plain, {}));
    lines.prefix = config.GetString("prefix");
    lines.to_stderr = config.GetString("stream") == "stderr";
    return std::make_unique<PrintSink>(std::move(lines), surroundings);
  };
  return spec;
}

}  // namespace millrace::print
