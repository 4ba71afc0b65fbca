#include "millrace/formats/json/options.h"

#include <algorithm>

#include "millrace/base/error.h"

namespace millrace::formats::json {

namespace {

Status AtLeastOne(const Config& options, std::string_view name) {
  if (options.GetInt(name) >= 1) return Status::OK();
  return errors::kBadOption.Make({}, "json: option '{}': {} is less than 1", name,
                                 options.GetInt(name));
}

}  // namespace

const ConfigSpec& ReadOptions() {
  static const ConfigSpec spec({
      {.name = "layout",
       .type = OptionType::kEnum,
       .default_value = "auto",
       .choices = {"auto", "lines", "array", "objects"},
       .doc =
           "How the objects stand in the file: one a line (NDJSON), as the elements of "
           "one array, or one after another with line ends anywhere. By default an "
           "array when '[' comes first, objects when the first line ends inside one, "
           "else lines."},
      {.name = "unknown_fields",
       .type = OptionType::kEnum,
       .default_value = "ignore",
       .choices = {"ignore", "fail"},
       .doc = "A field that is no column, because it was neither declared nor in the "
              "sample: leave it out, or take the object for a bad row."},
      {.name = "sample_rows",
       .type = OptionType::kInt,
       .default_value = "5000",
       .doc = "Objects to infer columns and types from, at each place that is sampled."},
      {.name = "sample_bytes",
       .type = OptionType::kBytes,
       .default_value = "1MiB",
       .doc = "Bytes at the file's start to infer columns and types from."},
      {.name = "max_record_bytes",
       .type = OptionType::kBytes,
       .default_value = "1GiB",
       .doc = "Size at which one object is taken for a fault."},
  });
  return spec;
}

const ConfigSpec& WriteOptions() {
  static const ConfigSpec spec({
      {.name = "layout",
       .type = OptionType::kEnum,
       .default_value = "lines",
       .choices = {"lines", "array"},
       .doc = "One object a line (NDJSON), or one array of objects."},
      {.name = "nulls",
       .type = OptionType::kEnum,
       .default_value = "write",
       .choices = {"write", "omit"},
       .doc = "NULL columns: written as null, or left out of the object."},
      {.name = "non_finite",
       .type = OptionType::kEnum,
       .default_value = "fail",
       .choices = {"fail", "null", "text"},
       .doc = "NaN and infinity, for which JSON has no number: end with an error, write "
              "null, or write the texts \"NaN\", \"Infinity\" and \"-Infinity\"."},
      {.name = "timestamp_separator",
       .type = OptionType::kEnum,
       .default_value = "t",
       .choices = {"t", "space"},
       .doc = "What stands between the date and the time of a timestamp."},
  });
  return spec;
}

Result<ReadSettings> MakeReadSettings(const Config& options) {
  ARROW_RETURN_NOT_OK(AtLeastOne(options, "sample_rows"));
  ARROW_RETURN_NOT_OK(AtLeastOne(options, "sample_bytes"));
  ARROW_RETURN_NOT_OK(AtLeastOne(options, "max_record_bytes"));
  ReadSettings out;
  const std::string& layout = options.GetString("layout");
  if (layout == "lines") out.layout = Layout::kLines;
  if (layout == "array") out.layout = Layout::kArray;
  if (layout == "objects") out.layout = Layout::kObjects;
  out.sample_rows = options.GetInt("sample_rows");
  out.sample_bytes = options.GetInt("sample_bytes");
  // Offsets of strings in one batch are 32-bit and signed.
  out.max_record_bytes =
      std::min<int64_t>(options.GetInt("max_record_bytes"), int64_t{1} << 30);
  out.unknown_fails = options.GetString("unknown_fields") == "fail";
  return out;
}

WriteSettings MakeWriteSettings(const Config& options) {
  WriteSettings out;
  out.layout = options.GetString("layout") == "array" ? Layout::kArray : Layout::kLines;
  out.omit_nulls = options.GetString("nulls") == "omit";
  const std::string& non_finite = options.GetString("non_finite");
  out.non_finite = non_finite == "null"   ? NonFinite::kNull
                   : non_finite == "text" ? NonFinite::kText
                                          : NonFinite::kFail;
  out.timestamp_separator = options.GetString("timestamp_separator") == "t" ? 'T' : ' ';
  return out;
}

}  // namespace millrace::formats::json
