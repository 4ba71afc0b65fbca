#include "millrace/formats/csv/dialect.h"

#include "millrace/formats/csv/errors.h"

namespace millrace::formats::csv {

namespace {

// "none" or one byte; empty counts as none.
Result<int> ByteOrNone(const Config& options, std::string_view name) {
  const std::string& text = options.GetString(name);
  if (text.empty() || text == "none") return -1;
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() != 1) {
    return errors::kBadOption.Make({},
                                   "csv: option '{}': '{}' is neither one byte nor "
                                   "'none'",
                                   name, text);
  }
  return static_cast<unsigned char>(text[0]);
}

Status CheckDistinct(std::initializer_list<std::pair<std::string_view, int>> bytes) {
  for (auto a = bytes.begin(); a != bytes.end(); ++a) {
    if (a->second == '\n' || a->second == '\r') {
      return errors::kCsvBadDialect.Make({}, "{} is a line end", a->first);
    }
    for (auto b = bytes.begin(); b != a; ++b) {
      if (a->second >= 0 && a->second == b->second) {
        return errors::kCsvBadDialect.Make({}, "{} and {} are both '{}'", b->first,
                                           a->first, static_cast<char>(a->second));
      }
    }
  }
  return Status::OK();
}

// What parts the digits of numbers can't be a part of them.
Status CheckSeparator(std::string_view name, int byte) {
  constexpr std::string_view kTaken = "0123456789+-eE\n\r";
  if (byte < 0 || kTaken.find(static_cast<char>(byte)) == kTaken.npos)
    return Status::OK();
  return errors::kCsvBadDialect.Make({}, "{} is part of numbers or a line end", name);
}

Status AtLeast(const Config& options, std::string_view name, int64_t least) {
  if (options.GetInt(name) >= least) return Status::OK();
  return errors::kBadOption.Make({}, "csv: option '{}': {} is less than {}", name,
                                 options.GetInt(name), least);
}

}  // namespace

const ConfigSpec& ReadOptions() {
  static const ConfigSpec spec({
      {.name = "delimiter",
       .type = OptionType::kChar,
       .default_value = ",",
       .doc =
           "Byte between fields; when it is not given, a tab for *.tsv, and what a first "
           "line of the form sep=; says, as Excel writes it."},
      {.name = "quote",
       .default_value = "\"",
       .doc = "Byte around fields that contain delimiters or line ends, or 'none'."},
      {.name = "escape",
       .default_value = "none",
       .doc = "Byte that makes the next one literal, besides the doubled quote."},
      {.name = "header",
       .type = OptionType::kEnum,
       .default_value = "auto",
       .choices = {"true", "false", "auto"},
       .doc = "Does the first record hold the column names?"},
      {.name = "null",
       .type = OptionType::kList,
       .default_value = "",
       .doc = "Unquoted spellings of NULL; by default the empty field, which is NULL in "
              "columns of other types than text whatever stands here."},
      {.name = "quoted_empty_is_null",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Read \"\" as NULL, not as an empty string."},
      {.name = "skip_rows",
       .type = OptionType::kInt,
       .default_value = "0",
       .doc = "Lines to leave out before the header."},
      {.name = "comment",
       .default_value = "none",
       .doc = "Byte that makes a line a comment when it comes first, or 'none'."},
      {.name = "on_ragged",
       .type = OptionType::kEnum,
       .default_value = "fail",
       .choices = {"fail", "null", "dead_letter"},
       .doc = "A row with too few or too many fields: end with an error, fill missing "
              "fields with NULL (too many still fail), or set the row aside."},
      {.name = "trim",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Drop spaces and tabs around fields, outside quotes."},
      {.name = "all_varchar",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Infer no types: every column is VARCHAR."},
      {.name = "timestamp_format",
       .default_value = "",
       .doc = "Form of timestamps, with %Y %y %m %b %d %H %I %M %S %f %p %z %j %%; ISO "
              "8601 when empty."},
      {.name = "decimal",
       .type = OptionType::kChar,
       .default_value = ".",
       .doc = "Byte between the whole and the fraction of a number. With a comma, 1.5 is "
              "no number."},
      {.name = "thousands",
       .default_value = "none",
       .doc = "Byte between groups of three digits before the fraction, or 'none'."},
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
       .default_value = "1GiB",
       .doc = "Size at which one record is taken for a fault."},
  });
  return spec;
}

const ConfigSpec& WriteOptions() {
  static const ConfigSpec spec({
      {.name = "delimiter",
       .type = OptionType::kChar,
       .default_value = ",",
       .doc = "Byte between fields."},
      {.name = "quote",
       .type = OptionType::kChar,
       .default_value = "\"",
       .doc = "Byte around fields that need it."},
      {.name = "escape",
       .default_value = "none",
       .doc = "Byte before a quote (and itself) inside a field; quotes are doubled when "
              "'none'."},
      {.name = "header",
       .type = OptionType::kBool,
       .default_value = "true",
       .doc = "Write the column names first."},
      {.name = "null",
       .default_value = "",
       .doc = "Spelling of NULL, never quoted; a string that equals it is."},
      {.name = "quoting",
       .type = OptionType::kEnum,
       .default_value = "minimal",
       .choices = {"minimal", "all", "nonnumeric", "none"},
       .doc = "Which fields are quoted; with 'none', special bytes need an escape."},
      {.name = "line_end",
       .type = OptionType::kEnum,
       .default_value = "lf",
       .choices = {"lf", "crlf"},
       .doc = "Line end."},
      {.name = "decimal",
       .type = OptionType::kChar,
       .default_value = ".",
       .doc = "Byte between the whole and the fraction of a number; a number that "
              "contains the delimiter is quoted."},
      {.name = "timestamp_separator",
       .type = OptionType::kEnum,
       .default_value = "space",
       .choices = {"space", "t"},
       .doc = "What stands between the date and the time of a timestamp."},
  });
  return spec;
}

Result<NumberForm> MakeNumberForm(const Config& options) {
  NumberForm out;
  out.decimal = options.GetChar("decimal");
  ARROW_ASSIGN_OR_RAISE(out.thousands, ByteOrNone(options, "thousands"));
  const int decimal = static_cast<unsigned char>(out.decimal);
  ARROW_RETURN_NOT_OK(CheckSeparator("decimal", decimal));
  ARROW_RETURN_NOT_OK(CheckSeparator("thousands", out.thousands));
  ARROW_RETURN_NOT_OK(
      CheckDistinct({{"decimal", decimal}, {"thousands", out.thousands}}));
  return out;
}

Result<Dialect> MakeDialect(const Config& options, std::string_view name) {
  Dialect out;
  out.delimiter = options.GetChar("delimiter");
  out.delimiter_given = options.given("delimiter");
  if (!out.delimiter_given && name.ends_with(".tsv")) out.delimiter = '\t';
  ARROW_ASSIGN_OR_RAISE(out.quote, ByteOrNone(options, "quote"));
  ARROW_ASSIGN_OR_RAISE(out.escape, ByteOrNone(options, "escape"));
  // An escape equal to the quote is the doubled quote, which is always understood.
  if (out.escape == out.quote) out.escape = -1;
  ARROW_ASSIGN_OR_RAISE(out.comment, ByteOrNone(options, "comment"));
  ARROW_RETURN_NOT_OK(
      CheckDistinct({{"delimiter", static_cast<unsigned char>(out.delimiter)},
                     {"quote", out.quote},
                     {"escape", out.escape},
                     {"comment", out.comment}}));
  ARROW_ASSIGN_OR_RAISE(out.numbers, MakeNumberForm(options));
  ARROW_RETURN_NOT_OK(
      CheckDistinct({{"decimal", static_cast<unsigned char>(out.numbers.decimal)},
                     {"quote", out.quote},
                     {"escape", out.escape}}));
  ARROW_RETURN_NOT_OK(CheckDistinct({{"thousands", out.numbers.thousands},
                                     {"quote", out.quote},
                                     {"escape", out.escape}}));
  const std::string& header = options.GetString("header");
  out.header = header == "true"    ? Header::kPresent
               : header == "false" ? Header::kAbsent
                                   : Header::kAuto;
  const std::string& ragged = options.GetString("on_ragged");
  out.on_ragged = ragged == "null"          ? Ragged::kNull
                  : ragged == "dead_letter" ? Ragged::kDeadLetter
                                            : Ragged::kFail;
  if (options.given("null")) {
    out.empty_is_null = options.GetString("null").empty();
    for (const std::string& spelling : options.GetList("null")) {
      if (spelling.empty()) {
        out.empty_is_null = true;
      } else {
        out.nulls.push_back(spelling);
      }
    }
  }
  out.quoted_empty_is_null = options.GetBool("quoted_empty_is_null");
  out.trim = options.GetBool("trim");
  out.all_varchar = options.GetBool("all_varchar");
  out.timestamp_format = options.GetString("timestamp_format");
  ARROW_RETURN_NOT_OK(AtLeast(options, "skip_rows", 0));
  ARROW_RETURN_NOT_OK(AtLeast(options, "sample_rows", 1));
  ARROW_RETURN_NOT_OK(AtLeast(options, "sample_bytes", 1));
  ARROW_RETURN_NOT_OK(AtLeast(options, "max_record_bytes", 1));
  out.skip_rows = options.GetInt("skip_rows");
  out.sample_rows = options.GetInt("sample_rows");
  out.sample_bytes = options.GetInt("sample_bytes");
  // Positions inside a buffer are 32-bit.
  out.max_record_bytes =
      std::min<int64_t>(options.GetInt("max_record_bytes"), int64_t{1} << 31);
  return out;
}

Result<WriteDialect> MakeWriteDialect(const Config& options) {
  WriteDialect out;
  out.delimiter = options.GetChar("delimiter");
  out.quote = options.GetChar("quote");
  ARROW_ASSIGN_OR_RAISE(out.escape, ByteOrNone(options, "escape"));
  if (out.escape == static_cast<unsigned char>(out.quote)) out.escape = -1;
  ARROW_RETURN_NOT_OK(
      CheckDistinct({{"delimiter", static_cast<unsigned char>(out.delimiter)},
                     {"quote", static_cast<unsigned char>(out.quote)},
                     {"escape", out.escape}}));
  out.decimal = options.GetChar("decimal");
  const int decimal = static_cast<unsigned char>(out.decimal);
  ARROW_RETURN_NOT_OK(CheckSeparator("decimal", decimal));
  ARROW_RETURN_NOT_OK(CheckDistinct({{"quote", static_cast<unsigned char>(out.quote)},
                                     {"escape", out.escape},
                                     {"decimal", decimal}}));
  const std::string& quoting = options.GetString("quoting");
  out.quoting = quoting == "all"          ? Quoting::kAll
                : quoting == "nonnumeric" ? Quoting::kNonNumeric
                : quoting == "none"       ? Quoting::kNone
                                          : Quoting::kMinimal;
  out.header = options.GetBool("header");
  out.null = options.GetString("null");
  for (char c : out.null) {
    if (c == out.delimiter || c == out.quote || c == '\n' || c == '\r') {
      return errors::kCsvBadDialect.Make({}, "null contains the special byte '{}'", c);
    }
  }
  out.line_end = options.GetString("line_end") == "crlf" ? "\r\n" : "\n";
  out.iso_t = options.GetString("timestamp_separator") == "t";
  return out;
}

}  // namespace millrace::formats::csv
