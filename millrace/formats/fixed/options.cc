#include "millrace/formats/fixed/options.h"

#include <algorithm>

#include "millrace/base/error.h"
#include "millrace/formats/fixed/errors.h"

namespace millrace::formats::fixed {

namespace {

Status AtLeast(const Config& options, std::string_view name, int64_t least) {
  if (options.GetInt(name) >= least) return Status::OK();
  return errors::kBadOption.Make({}, "fixed: option '{}': {} is less than {}", name,
                                 options.GetInt(name), least);
}

}  // namespace

const ConfigSpec& ReadOptions() {
  static const ConfigSpec spec = LayoutOptions().Plus(ConfigSpec({
      {.name = "header",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Does the first record hold the names, where the fields stand? With fields "
              "or names it is left out."},
      {.name = "null",
       .type = OptionType::kList,
       .default_value = "",
       .doc = "Spellings of NULL; by default the blank field, which is NULL in columns "
              "of other types than text whatever stands here."},
      {.name = "trim",
       .type = OptionType::kBool,
       .default_value = "true",
       .doc = "Drop spaces and tabs around texts. Around other values they never count."},
      {.name = "on_short",
       .type = OptionType::kEnum,
       .default_value = "pad",
       .choices = {"pad", "fail", "dead_letter"},
       .doc = "A record that ends before its last field: take what is missing for "
              "blanks, end with an error, or set it aside."},
      {.name = "skip_rows",
       .type = OptionType::kInt,
       .default_value = "0",
       .doc = "Lines to leave out before the header."},
      {.name = "skip_footer",
       .type = OptionType::kInt,
       .default_value = "0",
       .doc = "Lines to leave out at the end of the file."},
      {.name = "record_length",
       .type = OptionType::kInt,
       .doc = "Characters of a record, when records stand one after another without line "
              "ends. Such a file is read by one task."},
      {.name = "decimal",
       .type = OptionType::kChar,
       .default_value = ".",
       .doc = "Byte between the whole and the fraction of a number."},
      {.name = "thousands",
       .default_value = "none",
       .doc = "Byte between groups of three digits before the fraction, or 'none'."},
      {.name = "all_varchar",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Infer no types: every column is VARCHAR."},
      {.name = "timestamp_format",
       .default_value = "",
       .doc = "Form of timestamps, with %Y %y %m %b %d %H %I %M %S %f %p %z %j %%; ISO "
              "8601 when empty."},
      {.name = "sample_rows",
       .type = OptionType::kInt,
       .default_value = "5000",
       .doc = "Records to infer types from, at each place that is sampled."},
      {.name = "sample_bytes",
       .type = OptionType::kBytes,
       .default_value = "1MiB",
       .doc = "Bytes at the file's start to infer types from."},
      {.name = "max_record_bytes",
       .type = OptionType::kBytes,
       .default_value = "16MiB",
       .doc = "Size at which one record is taken for a fault."},
  }));
  return spec;
}

const ConfigSpec& WriteOptions() {
  static const ConfigSpec spec = LayoutOptions().Plus(ConfigSpec({
      {.name = "header",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Write the column names first."},
      {.name = "null",
       .default_value = "",
       .doc = "Spelling of NULL, which is blank otherwise."},
      {.name = "decimal",
       .type = OptionType::kChar,
       .default_value = ".",
       .doc = "Byte between the whole and the fraction of a number."},
      {.name = "line_end",
       .type = OptionType::kEnum,
       .default_value = "lf",
       .choices = {"lf", "crlf", "none"},
       .doc = "What ends a record."},
      {.name = "timestamp_separator",
       .type = OptionType::kEnum,
       .default_value = "space",
       .choices = {"space", "t"},
       .doc = "What stands between the date and the time of a timestamp."},
  }));
  return spec;
}

Result<ReadSettings> MakeReadSettings(const Config& options) {
  ReadSettings out;
  ARROW_ASSIGN_OR_RAISE(out.layout, MakeLayout(options));
  csv::Dialect& values = out.values;
  values.quote = -1;
  if (options.given("null")) {
    values.empty_is_null = options.GetString("null").empty();
    for (const std::string& spelling : options.GetList("null")) {
      if (spelling.empty()) {
        values.empty_is_null = true;
      } else {
        values.nulls.push_back(spelling);
      }
    }
  }
  ARROW_ASSIGN_OR_RAISE(values.numbers, csv::MakeNumberForm(options));
  values.all_varchar = options.GetBool("all_varchar");
  values.timestamp_format = options.GetString("timestamp_format");
  for (const char* name : {"skip_rows", "skip_footer"}) {
    ARROW_RETURN_NOT_OK(AtLeast(options, name, 0));
  }
  for (const char* name : {"sample_rows", "sample_bytes", "max_record_bytes"}) {
    ARROW_RETURN_NOT_OK(AtLeast(options, name, 1));
  }
  values.skip_rows = options.GetInt("skip_rows");
  values.sample_rows = options.GetInt("sample_rows");
  values.sample_bytes = options.GetInt("sample_bytes");
  // Positions inside a buffer are 32-bit.
  values.max_record_bytes =
      std::min<int64_t>(options.GetInt("max_record_bytes"), int64_t{1} << 30);
  out.trim = options.GetBool("trim");
  out.header = options.GetBool("header");
  const std::string& on_short = options.GetString("on_short");
  out.on_short = on_short == "fail"          ? OnShort::kFail
                 : on_short == "dead_letter" ? OnShort::kDeadLetter
                                             : OnShort::kPad;
  out.skip_footer = options.GetInt("skip_footer");
  if (!options.has("record_length")) return out;
  ARROW_RETURN_NOT_OK(AtLeast(options, "record_length", 1));
  out.record_length = options.GetInt("record_length");
  if (out.layout.width > out.record_length) {
    return errors::kFixedLayout.Make({}, "fields reach to {}, records to {}",
                                     out.layout.width, out.record_length);
  }
  if (out.skip_footer > 0) {
    return errors::kBadOption.Make(
        {}, "fixed: option 'skip_footer' does not go with record_length");
  }
  return out;
}

Result<WriteSettings> MakeWriteSettings(const Config& options) {
  WriteSettings out;
  ARROW_ASSIGN_OR_RAISE(out.layout, MakeLayout(options));
  // Line ends are the only bytes that a field can't hold.
  out.values.delimiter = out.values.quote = '\n';
  out.values.quoting = csv::Quoting::kNone;
  // NULLs never reach the writer of values: a text may be blank.
  out.values.null = "\n";
  out.values.decimal = options.GetChar("decimal");
  out.values.iso_t = options.GetString("timestamp_separator") == "t";
  out.header = options.GetBool("header");
  out.null = options.GetString("null");
  if (out.null.find_first_of("\r\n") != std::string::npos) {
    return errors::kBadOption.Make({}, "fixed: option 'null' contains a line end");
  }
  const std::string& line_end = options.GetString("line_end");
  out.line_end = line_end == "lf" ? "\n" : line_end == "crlf" ? "\r\n" : "";
  return out;
}

}  // namespace millrace::formats::fixed
