#include "millrace/connectors/files/options.h"

#include <algorithm>

#include <arrow/io/interfaces.h>

#include "millrace/connectors/files/errors.h"
#include "millrace/io/compression/compression.h"
#include "millrace/io/errors.h"
#include "millrace/io/file_system.h"
#include "millrace/io/object_store/open_store.h"

namespace millrace::files {

namespace {

constexpr const char kOwner[] = "connector 'files'";

OptionSpec PathOption(const char* doc) {
  return {.name = "path", .required = true, .doc = doc};
}
// The same in both directions, but for what it does.
std::vector<OptionSpec> FlatOptions(const char* doc) {
  return {{.name = "flatten",
           .type = OptionType::kBool,
           .default_value = "false",
           .doc = doc},
          {.name = "flatten_separator",
           .default_value = "_",
           .doc = "With flatten, what stands between the names of a column's path."},
          {.name = "flatten_depth",
           .type = OptionType::kInt,
           .doc = "With flatten, how many structs inside one another are opened; when "
                  "absent, all."}};
}

OptionSpec FormatOption() {
  return {.name = "format",
          .default_value = "auto",
          .doc = "Format of the file; auto goes by the name's extension."};
}

std::string Lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The text behind the last dot of the last path component that is no glob.
std::string ExtensionOf(std::string path) {
  while (!path.empty() && (path.back() == '*' || path.back() == '}')) path.pop_back();
  const size_t slash = path.rfind('/');
  const size_t dot = path.rfind('.');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  return Lowered(path.substr(dot + 1));
}

// A web address may have a query behind the name.
std::string NameIn(const std::string& path) {
  const bool web = path.starts_with("http://") || path.starts_with("https://");
  return web ? path.substr(0, path.find_first_of("?#")) : path;
}

FormatPtr FormatOf(const std::vector<FormatPtr>& formats, const std::string& path) {
  for (const FormatPtr& format : formats) {
    if (HasExtensionOf(*format, path)) return format;
  }
  return nullptr;
}

// The one format that the files of a folder have; null where they tell none.
Result<FormatPtr> FormatOfFolder(const std::vector<FormatPtr>& formats,
                                 io::FileSystem& files, const std::string& path) {
  const auto info = files.Stat(path);
  if (!info.ok() || !info->directory) return nullptr;
  ARROW_ASSIGN_OR_RAISE(const auto found, io::ExpandPath(files, path));
  FormatPtr only;
  std::string first;
  for (const io::FileInfo& file : found) {
    const FormatPtr format = FormatOf(formats, file.path);
    if (!format || format == only) continue;
    if (only) {
      return errors::kMixedFormats.Make({.file = path}, "{} and {}", first, file.path);
    }
    only = format;
    first = file.path;
  }
  return only;
}

Result<FormatPtr> ChooseFormat(const std::vector<FormatPtr>& formats,
                               io::FileSystem& files, const std::string& name,
                               const std::string& path) {
  std::vector<std::string> names;
  for (const FormatPtr& format : formats) {
    names.emplace_back(format->name());
    if (name == format->name()) return format;
  }
  if (name != "auto") {
    const std::string near = NearestName(name, names);
    return errors::kUnknownFormat.Make(
        {.file = path}, "'{}' is no format{}", name,
        near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
  }
  if (path == "-")
    return errors::kNeedsFormat.Make({}, "formats are: {}", fmt::join(names, ", "));
  if (FormatPtr format = FormatOf(formats, path)) return format;
  ARROW_ASSIGN_OR_RAISE(FormatPtr of_folder, FormatOfFolder(formats, files, path));
  if (of_folder) return of_folder;
  return errors::kUnknownFormat.Make({.file = path},
                                     "extension '{}' belongs to none of: {}",
                                     ExtensionOf(path), fmt::join(names, ", "));
}

// A destination's bytes tell nothing yet: its name decides.
void NameCompression(const std::string& path, connector::Options* given) {
  for (auto& [name, value] : *given) {
    if (Lowered(name) != "compression") continue;
    if (Lowered(value) == "auto") value = io::NameOf(io::CompressionOfPath(path));
    return;
  }
  (*given)["compression"] = io::NameOf(io::CompressionOfPath(path));
}

// Structs as columns, where the options ask for that.
Status Flatten(Parsed* parsed) {
  const Config& own = parsed->own;
  const bool flat = own.GetBool("flatten");
  for (const char* name : {"flatten_separator", "flatten_depth"}) {
    if (own.given(name) && !flat) {
      return errors::kBadOption.Make({}, "{}: option '{}' goes with flatten", kOwner,
                                     name);
    }
  }
  if (!flat) return Status::OK();
  formats::Flattening how{.separator = own.GetString("flatten_separator")};
  if (own.has("flatten_depth")) how.depth = own.GetInt("flatten_depth");
  if (how.depth < 1) {
    return errors::kBadOption.Make({}, "{}: option 'flatten_depth': {} is less than 1",
                                   kOwner, how.depth);
  }
  parsed->format = formats::MakeFlat(std::move(parsed->format), std::move(how));
  return Status::OK();
}

// What `reference` of the option `name` refers to.
Result<std::string> FollowReference(std::string_view name, std::string_view reference,
                                    const connector::Surroundings& surroundings) {
  constexpr std::string_view kVariable = "env:", kFile = "file:";
  constexpr int64_t kMostBytes = 4096;
  const std::string what = fmt::format("option '{}'", name);
  if (reference.starts_with(kVariable)) {
    const std::string variable(reference.substr(kVariable.size()));
    auto value = surroundings.environment ? surroundings.environment(variable)
                                          : std::optional<std::string>();
    if (value) return *std::move(value);
    return errors::kKeyReference.Make({}, "{}: the variable {} is not set", what,
                                      variable);
  }
  if (!reference.starts_with(kFile)) {
    return errors::kKeyReference.Make({}, "{} begins with neither env: nor file:", what);
  }
  const std::string path(reference.substr(kFile.size()));
  auto file = surroundings.files->OpenRead(path);
  if (!file.ok()) {
    return errors::kKeyReference.Make({.file = path}, "{}: {}", what,
                                      file.status().message());
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t size, (*file)->GetSize());
  std::string text(static_cast<size_t>(std::min(size, kMostBytes)), '\0');
  ARROW_ASSIGN_OR_RAISE(
      const int64_t got,
      (*file)->ReadAt(0, static_cast<int64_t>(text.size()), text.data()));
  text.resize(static_cast<size_t>(got));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

// Secret options of a format are references: what they refer to takes their place, and is
// known to the format alone.
Status FollowReferences(const ConfigSpec& spec,
                        const connector::Surroundings& surroundings,
                        connector::Options* given) {
  for (auto& [name, value] : *given) {
    const OptionSpec* option = spec.Find(name);
    if (option == nullptr || !option->secret) continue;
    if (option->type != OptionType::kList) {
      ARROW_ASSIGN_OR_RAISE(value, FollowReference(name, value, surroundings));
      continue;
    }
    std::string followed;
    for (std::string_view left = value; !left.empty();) {
      const std::string_view entry = left.substr(0, left.find(','));
      left.remove_prefix(std::min(entry.size() + 1, left.size()));
      const size_t equal = entry.find('=');
      if (equal == std::string_view::npos) {
        return errors::kKeyReference.Make({}, "option '{}' is no list of column=env:NAME",
                                          name);
      }
      const size_t begin = std::min(entry.find_first_not_of(' '), equal);
      ARROW_ASSIGN_OR_RAISE(const std::string text,
                            FollowReference(name, entry.substr(equal + 1), surroundings));
      followed += fmt::format("{}{}={}", followed.empty() ? "" : ",",
                              entry.substr(begin, equal - begin), text);
    }
    value = std::move(followed);
  }
  return Status::OK();
}

Result<Parsed> Parse(const std::vector<FormatPtr>& formats, const ConfigSpec& own,
                     const connector::Options& given,
                     const connector::Surroundings& surroundings,
                     const ConfigSpec& (formats::Format::*format_spec)() const,
                     bool writes) {
  const ConfigSpec::Lookup& environment = surroundings.environment;
  connector::Options own_given, format_given;
  for (const auto& [name, value] : given) {
    (own.Find(name) != nullptr ? own_given : format_given)[name] = value;
  }
  Parsed parsed;
  ARROW_ASSIGN_OR_RAISE(parsed.own, own.Parse(kOwner, own_given, environment));
  parsed.path = PathOf(parsed.own.GetString("path"));
  parsed.files = surroundings.files;
  // What is to be written has no format to look for, and its sink opens its own store.
  if (!writes && io::IsObjectAddress(parsed.path)) {
    ARROW_ASSIGN_OR_RAISE(parsed.remote,
                          RemoteAccess::Make(parsed.path, parsed.own, surroundings));
    parsed.files = parsed.remote->files();
  }
  ARROW_ASSIGN_OR_RAISE(
      parsed.format, ChooseFormat(formats, *parsed.files,
                                  Lowered(parsed.own.GetString("format")), parsed.path));
  if (writes && parsed.format->compresses()) NameCompression(parsed.path, &format_given);
  // Both tables together, so that the nearest name is found among all options there are.
  const ConfigSpec& of_format = ((*parsed.format).*format_spec)();
  const std::string owner =
      fmt::format("{} with format '{}'", kOwner, parsed.format->name());
  ARROW_RETURN_NOT_OK(own.Plus(of_format).Parse(owner, given, environment));
  ARROW_RETURN_NOT_OK(FollowReferences(of_format, surroundings, &format_given));
  ARROW_ASSIGN_OR_RAISE(parsed.format_options,
                        of_format.Parse(owner, format_given, environment));
  ARROW_RETURN_NOT_OK(Flatten(&parsed));
  return parsed;
}

}  // namespace

bool HasExtensionOf(const formats::Format& format, const std::string& path) {
  const auto extensions = format.extensions();
  const std::string extension =
      ExtensionOf(format.compresses() ? std::string(io::WithoutCompression(NameIn(path)))
                                      : NameIn(path));
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

const ConfigSpec& SourceSpec() {
  static const ConfigSpec spec = OwnSourceSpec().Plus(io::ObjectStoreSpec());
  return spec;
}

const ConfigSpec& OwnSourceSpec() {
  static const ConfigSpec spec({
      PathOption(
          "File, folder, glob (*, ?, [ab], {a,b}, ** for any depth), named pipe, - for "
          "stdin, the same below s3://bucket/, or a file at http(s)://. Of a folder, the "
          "files with an extension of the format are read; where "
          "none has one, all."),
      FormatOption(),
      {.name = "on_error",
       .type = OptionType::kEnum,
       .default_value = "fail",
       .choices = {"fail", "dead_letter"},
       .doc = "What a row that can't be decoded does: end the pipeline, or be set aside "
              "and counted."},
      {.name = "schema_policy",
       .type = OptionType::kEnum,
       .choices = {"strict", "default", "flexible"},
       .doc = "What a file does whose columns differ from the first's, or from those "
              "declared. strict: any difference ends the run. default: additions are "
              "left out, what is missing is NULL, types whose every value fits are "
              "converted. flexible: values are converted one by one, rows that don't fit "
              "are bad rows. When absent, CSV and Parquet files need the same columns in "
              "any order, and JSON takes NULL for what a row does not name."},
      {.name = "compatibility",
       .type = OptionType::kEnum,
       .default_value = "none",
       .choices = {"none", "backward", "forward", "full", "backward_transitive",
                   "forward_transitive", "full_transitive"},
       .doc = "With schema_policy, which differences end the run all the same. backward: "
              "those with which a reader of the file's columns could not read the first; "
              "forward: the other way round; full: both. With _transitive a file is "
              "compared with every file before it, before any row is read; in mode watch "
              "before any row of it is."},
      {.name = "split_size",
       .type = OptionType::kBytes,
       .default_value = "16MiB",
       .doc = "Size of the parts in which one large file is read in parallel. Does not "
              "count in mode watch, where a file is one part."},
      {.name = "hive_partitioning",
       .type = OptionType::kEnum,
       .default_value = "auto",
       .choices = {"auto", "on", "off"},
       .doc = "Columns from the names of folders: files below year=2024/country=DE get "
              "year and country, BIGINT or DATE where all values are, VARCHAR otherwise, "
              "or the declared type; __HIVE_DEFAULT_PARTITION__ is NULL. Files that a "
              "condition on them rules out are not opened. auto: where the folders of "
              "all files name the same columns; on: anything else is an error. Not in "
              "mode watch."},
      {.name = "mode",
       .type = OptionType::kEnum,
       .default_value = "read",
       .choices = {"read", "watch"},
       .doc = "read takes what is there and ends. watch goes on for ever: it follows "
              "files that grow, line by line, through renaming and truncation, and reads "
              "files that appear later. Parquet files are read once, when they are "
              "complete."},
      {.name = "poll_interval",
       .type = OptionType::kDuration,
       .default_value = "1s",
       .doc = "How often mode watch looks for changes by itself; ten times more rarely "
              "while the system tells them."},
      {.name = "notify",
       .type = OptionType::kBool,
       .default_value = "true",
       .doc = "Let the system tell changes in mode watch (inotify). Turn it off for "
              "folders that other machines write to."},
  });
  static const ConfigSpec with_flat = spec.Plus(ConfigSpec(FlatOptions(
      "Read the fields of structs as columns: b in the struct a is a_b, NULL where a is. "
      "Lists and maps stay as they are. Not for text whose rows hold no structs.")));
  return with_flat;
}

const ConfigSpec& StoreSinkSpec() {
  static const ConfigSpec spec = io::ObjectStoreSpec().Plus(io::ObjectStoreWriteSpec());
  return spec;
}

const ConfigSpec& SinkSpec() {
  static const ConfigSpec spec = OwnSinkSpec().Plus(StoreSinkSpec());
  return spec;
}

const ConfigSpec& OwnSinkSpec() {
  static const ConfigSpec spec({
      PathOption(
          "File, folder (with a trailing /), named pipe, device, or - for stdout; the "
          "same, an object or a folder of them, below s3://bucket/."),
      FormatOption(),
      {.name = "mode",
       .type = OptionType::kEnum,
       .default_value = "error",
       .choices = {"error", "append", "overwrite"},
       .doc = "What happens when the destination exists. In a folder, overwrite replaces "
              "the part files that were there when the run began (the first one, of a "
              "pipeline with checkpoints), and append adds some."},
      {.name = "roll_rows",
       .type = OptionType::kInt,
       .default_value = "0",
       .doc = "Begin a new file in the folder after so many rows; 0 for never."},
      {.name = "roll_size",
       .type = OptionType::kBytes,
       .default_value = "0",
       .doc = "Begin a new file in the folder after so many bytes; 0 for never. Of "
              "Parquet and ORC, what rows in memory will become is judged by the file "
              "before, so that the first one may be smaller."},
      {.name = "roll_interval",
       .type = OptionType::kDuration,
       .default_value = "0s",
       .doc = "End a file in the folder when it is so old, whether rows come or not; 0 "
              "for never. It becomes visible with its epoch, as others do."},
      {.name = "partition_by",
       .default_value = "",
       .doc = "Columns, divided by commas, or expressions with a name (YEAR(at) AS "
              "year), by whose values the rows go to folders inside "
              "the folder, as Hive and Spark name them: year=2024/country=DE. The files "
              "do not hold these columns. NULL and the empty text go to "
              "__HIVE_DEFAULT_PARTITION__."},
      {.name = "sort_by",
       .default_value = "",
       .doc = "Columns, divided by commas, each perhaps with DESC and NULLS FIRST: the "
              "rows of every file are in this order, and Parquet and Arrow files say so. "
              "NULLs are last otherwise. What memory has no room for goes to the spill "
              "folder. With checkpoints, files of different epochs overlap; a single "
              "file then has no order (MR-2425)."},
      {.name = "max_open_files",
       .type = OptionType::kInt,
       .default_value = "64",
       .doc = "Files that one writer holds open at a time; with more partitions than "
              "that, the one that waited longest for a row is finished first."},
  });
  static const ConfigSpec with_flat = spec.Plus(ConfigSpec(FlatOptions(
      "Write the fields of structs as columns: b in the struct a is a_b, NULL where a "
      "is. Lists and maps stay as they are.")));
  return with_flat;
}

Result<Parsed> ParseSource(const std::vector<FormatPtr>& formats,
                           const connector::Options& given,
                           const connector::Surroundings& surroundings) {
  ARROW_ASSIGN_OR_RAISE(Parsed parsed, Parse(formats, SourceSpec(), given, surroundings,
                                             &formats::Format::read_options,
                                             /*writes=*/false));
  if (parsed.own.given("compatibility") && !parsed.own.has("schema_policy")) {
    return errors::kBadOption.Make(
        {}, "{}: option 'compatibility' goes with schema_policy", kOwner);
  }
  if (parsed.own.GetBool("flatten") &&
      parsed.format->columns_told() == formats::ColumnsTold::kInHeader) {
    return errors::kBadOption.Make(
        {}, "{}: option 'flatten': rows of format '{}' hold no structs", kOwner,
        parsed.format->name());
  }
  if (parsed.own.GetString("mode") == "watch" && parsed.remote) {
    return errors::kBadOption.Make({.file = io::ShownUrl(parsed.path)},
                                   "{}: mode watch follows files of this machine only",
                                   kOwner);
  }
  if (parsed.own.GetString("mode") == "watch" &&
      parsed.own.GetString("hive_partitioning") == "on") {
    return errors::kBadOption.Make(
        {}, "{}: option 'hive_partitioning' does not go with mode watch", kOwner);
  }
  return parsed;
}

Result<Parsed> ParseSink(const std::vector<FormatPtr>& formats,
                         const connector::Options& given,
                         const connector::Surroundings& surroundings) {
  return Parse(formats, SinkSpec(), given, surroundings, &formats::Format::write_options,
               /*writes=*/true);
}

io::Compression CompressionNamed(const Parsed& source, const std::string& path) {
  if (!source.format->compresses()) return io::Compression::kNone;
  return io::CompressionNamed(source.format_options.GetString("compression"))
      .value_or(io::CompressionOfPath(NameIn(path)));
}

bool IsPath(std::string_view text) {
  if (io::IsObjectAddress(text)) return true;
  const size_t scheme = text.find("://");
  return scheme == std::string_view::npos || text.substr(0, scheme) == "file";
}

std::string PathOf(std::string_view text) {
  constexpr std::string_view kScheme = "file://";
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  return std::string(text);
}

}  // namespace millrace::files
