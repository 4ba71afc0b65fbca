// LIKE, ILIKE and regular expressions.
//
// The expressions are RE2's, run by Arrow's kernels, which take one pattern for a whole
// column: rows with the same pattern one after the other go to them together. Mostly the
// pattern is a constant, and that is one call.
#include <algorithm>
#include <functional>
#include <string>

#include <arrow/array/concatenate.h>
#include <arrow/compute/api.h>

#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/scalar/utf8_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;
using ArrayPtr = std::shared_ptr<arrow::Array>;

struct RegexFlags {
  bool ignore_case = false;
  bool global = false;
};

Result<RegexFlags> ParseFlags(Text text) {
  RegexFlags flags;
  for (char flag : text) {
    switch (flag) {
      case 'i': flags.ignore_case = true; break;
      case 'c': flags.ignore_case = false; break;
      case 'g': flags.global = true; break;
      default:
        return errors::kBadPattern.Make({}, "flag '{}'; there are i, c and g", flag);
    }
  }
  return flags;
}

Result<arrow::Datum> RunKernel(EvalContext& context, const char* kernel,
                               const ArrayPtr& texts, Text pattern,
                               const arrow::compute::FunctionOptions& options) {
  auto result = CallArrow(context, kernel, {arrow::Datum(texts)}, &options);
  if (result.ok() || result.status().IsOutOfMemory()) return result;
  return errors::kBadPattern.Make({}, "'{}': {}", pattern, result.status().message());
}

Result<arrow::Datum> FindRegex(EvalContext& context, const ArrayPtr& texts, Text pattern,
                               const std::string& regex, bool ignore_case) {
  const arrow::compute::MatchSubstringOptions options(regex, ignore_case);
  return RunKernel(context, "match_substring_regex", texts, pattern, options);
}

/// The arguments after the text, in one row.
using Controls = std::vector<std::string>;
/// The result for texts that share their controls.
using RunOfRows =
    std::function<Result<arrow::Datum>(const ArrayPtr& texts, const Controls& controls)>;

// Arguments after the first are patterns, flags and the like: they rarely change.
Result<arrow::Datum> ByRuns(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr& type, const RunOfRows& run) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ArrayPtr texts;
  if (arguments[0].is_scalar()) {
    ARROW_ASSIGN_OR_RAISE(
        texts, arrow::MakeArrayFromScalar(*arguments[0].scalar(), rows, context.pool));
  } else {
    texts = arguments[0].make_array();
  }
  std::vector<Column<Text>> columns;
  bool constant = true;
  for (size_t i = 1; i < arguments.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column, Column<Text>::Make(arguments[i], context.pool));
    columns.push_back(std::move(column));
    constant &= arguments[i].is_scalar();
  }
  auto any_null = [&](int64_t row) {
    return std::any_of(columns.begin(), columns.end(),
                       [row](const auto& column) { return column.IsNull(row); });
  };
  auto same = [&](int64_t a, int64_t b) {
    if (any_null(a) || any_null(b)) return any_null(a) && any_null(b);
    return std::all_of(columns.begin(), columns.end(),
                       [=](const auto& column) { return column[a] == column[b]; });
  };
  arrow::ArrayVector parts;
  for (int64_t begin = 0; begin < rows;) {
    int64_t end = constant ? rows : begin + 1;
    while (end < rows && !constant && same(begin, end)) ++end;
    if (any_null(begin)) {
      ARROW_ASSIGN_OR_RAISE(auto nulls,
                            arrow::MakeArrayOfNull(type, end - begin, context.pool));
      parts.push_back(std::move(nulls));
    } else {
      Controls controls;
      for (const auto& column : columns) controls.emplace_back(column[begin]);
      ARROW_ASSIGN_OR_RAISE(arrow::Datum part,
                            run(texts->Slice(begin, end - begin), controls));
      parts.push_back(part.make_array());
    }
    begin = end;
  }
  ArrayPtr out;
  if (parts.empty()) {
    ARROW_ASSIGN_OR_RAISE(out, arrow::MakeEmptyArray(type, context.pool));
  } else if (parts.size() == 1) {
    out = parts[0];
  } else {
    ARROW_ASSIGN_OR_RAISE(out, arrow::Concatenate(parts, context.pool));
  }
  return Retyped(std::move(out), type, scalar);
}

void AppendLiteral(Text character, std::string* regex) {
  const char c = character[0];
  const bool plain = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
                     (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  if (!plain) *regex += '\\';
  *regex += character;
}

// A LIKE pattern as a regular expression: % any text, _ one character, `escape` before a
// character takes it literally.
Result<std::string> LikeToRegex(Text pattern, Text escape) {
  std::string regex = "(?s)\\A";
  for (size_t at = 0; at < pattern.size();) {
    size_t end = at + OffsetOf(pattern.substr(at), 1);
    const Text character = pattern.substr(at, end - at);
    at = end;
    if (!escape.empty() && character == escape) {
      if (at == pattern.size()) {
        return errors::kBadPattern.Make({}, "LIKE '{}' ends with its escape character",
                                        pattern);
      }
      end = at + OffsetOf(pattern.substr(at), 1);
      AppendLiteral(pattern.substr(at, end - at), &regex);
      at = end;
    } else if (character == "%") {
      regex += ".*";
    } else if (character == "_") {
      regex += ".";
    } else {
      AppendLiteral(character, &regex);
    }
  }
  return regex + "\\z";
}

// Wildcards only at the ends: a comparison of bytes does.
Result<arrow::Datum> MatchPlain(EvalContext& context, const ArrayPtr& texts, Text inner,
                                bool open_start, bool open_end) {
  const Arguments arguments{arrow::Datum(texts)};
  return MapRows<bool, Text>(context, arguments, texts->length(), arrow::boolean(),
                             [=](Text text, bool* out) {
                               if (open_start && open_end) {
                                 *out = text.find(inner) != Text::npos;
                               } else if (open_start) {
                                 *out = text.ends_with(inner);
                               } else if (open_end) {
                                 *out = text.starts_with(inner);
                               } else {
                                 *out = text == inner;
                               }
                               return true;
                             });
}

Result<arrow::Datum> MatchLike(EvalContext& context, const ArrayPtr& texts, Text pattern,
                               Text escape, bool ignore_case) {
  if (CountCharacters(escape) > 1) {
    return errors::kBadPattern.Make({}, "ESCAPE '{}' is longer than one character",
                                    escape);
  }
  Text inner = pattern;
  const bool open_start = inner.starts_with('%');
  if (open_start) inner.remove_prefix(1);
  const bool open_end = inner.ends_with('%') || (open_start && inner.empty());
  if (inner.ends_with('%')) inner.remove_suffix(1);
  const bool plain = !ignore_case && inner.find_first_of("%_") == Text::npos &&
                     escape != "%" && escape != "_" &&
                     (escape.empty() || inner.find(escape) == Text::npos);
  if (plain) return MatchPlain(context, texts, inner, open_start, open_end);
  ARROW_ASSIGN_OR_RAISE(const std::string regex, LikeToRegex(pattern, escape));
  return FindRegex(context, texts, pattern, regex, ignore_case);
}

auto Like(bool ignore_case) {
  return [ignore_case](EvalContext& context, const Arguments& arguments, int64_t rows,
                       const TypePtr& type) {
    return ByRuns(context, arguments, rows, type,
                  [&](const ArrayPtr& texts, const Controls& controls) {
                    return MatchLike(context, texts, controls[0],
                                     controls.size() > 1 ? controls[1] : "\\",
                                     ignore_case);
                  });
  };
}

Result<arrow::Datum> Matches(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  return ByRuns(
      context, arguments, rows, type,
      [&](const ArrayPtr& texts, const Controls& controls) -> Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(const RegexFlags flags,
                              ParseFlags(controls.size() > 1 ? controls[1] : ""));
        return FindRegex(context, texts, controls[0], controls[0], flags.ignore_case);
      });
}

Result<arrow::Datum> RegexReplace(EvalContext& context, const Arguments& arguments,
                                  int64_t rows, const TypePtr& type) {
  return ByRuns(
      context, arguments, rows, type,
      [&](const ArrayPtr& texts, const Controls& controls) -> Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(const RegexFlags flags,
                              ParseFlags(controls.size() > 2 ? controls[2] : ""));
        const arrow::compute::ReplaceSubstringOptions options(
            (flags.ignore_case ? "(?i)" : "") + controls[0], controls[1],
            flags.global ? -1 : 1);
        return RunKernel(context, "replace_substring_regex", texts, controls[0], options);
      });
}

// The text around the first match is cut away by replacing all of it with one group.
Result<arrow::Datum> ExtractGroup(EvalContext& context, const ArrayPtr& texts,
                                  const std::string& pattern, const std::string& group) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum found,
                        FindRegex(context, texts, pattern, pattern, false));
  const bool whole = group == "0";
  const arrow::compute::ReplaceSubstringOptions options(
      "\\A(?s:.*?)" + std::string(whole ? "(" : "(?:") + pattern + ")(?s:.*)\\z",
      "\\" + (whole ? "1" : group), 1);
  ARROW_ASSIGN_OR_RAISE(arrow::Datum cut, RunKernel(context, "replace_substring_regex",
                                                    texts, pattern, options));
  return CallArrow(context, "if_else",
                   {found, cut, arrow::Datum(arrow::MakeScalar(std::string()))});
}

Result<arrow::Datum> Extract(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  return ByRuns(
      context, arguments, rows, type,
      [&](const ArrayPtr& texts, const Controls& controls) -> Result<arrow::Datum> {
        const std::string group = controls.size() > 1 ? controls[1] : "0";
        // The rewrite syntax has one digit.
        if (group.size() != 1) {
          return errors::kOutOfDomain.Make({}, "group {}; there are 0 to 9", group);
        }
        return ExtractGroup(context, texts, controls[0], group);
      });
}

// Bytes that no UTF-8 has, around each match. Kernels that count and split would look for
// the next match in the rest alone, where ^ and \b mean another place, and never come
// past an empty one.
constexpr char kMatchBegin = '\xFE', kMatchEnd = '\xFF';

Result<arrow::Datum> MarkMatches(EvalContext& context, const ArrayPtr& texts,
                                 const std::string& pattern, Text flag_text) {
  ARROW_ASSIGN_OR_RAISE(const RegexFlags flags, ParseFlags(flag_text));
  const arrow::compute::ReplaceSubstringOptions options(
      (flags.ignore_case ? "(?i)" : "") + pattern,
      std::string{kMatchBegin} + "\\0" + kMatchEnd, -1);
  return RunKernel(context, "replace_substring_regex", texts, pattern, options);
}

Result<arrow::Datum> CountMatches(EvalContext& context, const Arguments& arguments,
                                  int64_t rows, const TypePtr& type) {
  return ByRuns(
      context, arguments, rows, type,
      [&](const ArrayPtr& texts, const Controls& controls) -> Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(const arrow::Datum marked,
                              MarkMatches(context, texts, controls[0],
                                          controls.size() > 1 ? controls[1] : ""));
        return MapRows<int64_t, Text>(
            context, {marked}, texts->length(), type, [](Text text, int64_t* out) {
              *out = std::count(text.begin(), text.end(), kMatchEnd);
            });
      });
}

Status AppendParts(Text marked, arrow::StringBuilder* out) {
  for (bool first = true; true; first = false) {
    const size_t begin = marked.find(kMatchBegin);
    if (begin == Text::npos) return out->Append(marked);
    const size_t end = marked.find(kMatchEnd, begin);
    // Nothing to split at before the first character and behind the last.
    const bool empty = end == begin + 1;
    if (empty && end + 1 == marked.size()) return out->Append(marked.substr(0, begin));
    if (!(empty && first && begin == 0))
      ARROW_RETURN_NOT_OK(out->Append(marked.substr(0, begin)));
    marked.remove_prefix(end + 1);
  }
}

Result<arrow::Datum> SplitByRegex(EvalContext& context, const Arguments& arguments,
                                  int64_t rows, const TypePtr& type) {
  return ByRuns(
      context, arguments, rows, type,
      [&](const ArrayPtr& texts, const Controls& controls) -> Result<arrow::Datum> {
        ARROW_ASSIGN_OR_RAISE(const arrow::Datum marked,
                              MarkMatches(context, texts, controls[0],
                                          controls.size() > 1 ? controls[1] : ""));
        const auto held = marked.make_array();
        const auto& all = static_cast<const arrow::StringArray&>(*held);
        const auto parts = std::make_shared<arrow::StringBuilder>(context.pool);
        arrow::ListBuilder lists(context.pool, parts, type);
        for (int64_t row = 0; row < all.length(); ++row) {
          if (all.IsNull(row)) {
            ARROW_RETURN_NOT_OK(lists.AppendNull());
            continue;
          }
          ARROW_RETURN_NOT_OK(lists.Append());
          ARROW_RETURN_NOT_OK(AppendParts(all.GetView(row), parts.get()));
        }
        ARROW_ASSIGN_OR_RAISE(auto out, lists.Finish());
        return arrow::Datum(std::move(out));
      });
}

// The group's number travels as text, as the other controls do.
Bind BindExtract() {
  return [](const Types& types, const Literals& literals) -> Result<Binding> {
    const auto text = arrow::utf8();
    const bool fits =
        (types.size() == 2 || types.size() == 3) &&
        FitsImplicitly(types[0], nullptr, text) &&
        FitsImplicitly(types[1], nullptr, text) &&
        (types.size() == 2 || FitsImplicitly(types[2], literals[2], arrow::int64()));
    if (!fits) return BadArguments("regexp_extract", types);
    return Binding{Types(types.size(), text), text};
  };
}

}  // namespace

Status RegisterPatterns(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto boolean = arrow::boolean();
  const std::vector<Signature> like{{{text, text}, boolean},
                                    {{text, text, text}, boolean}};
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"like",
              {"~~"},
              "operator",
              "text LIKE pattern [ESCAPE c] → boolean",
              "% stands for any text, _ for one character; a backslash, or the escape "
              "given, before either takes it literally. The whole text must match.",
              "like('50%', '50\\%')",
              "true"},
      .can_fail = true,
      .bind = Overloads("like", like),
      .evaluate = Like(false)}));
  ARROW_RETURN_NOT_OK(
      registry.Add(ScalarFunction{.doc = {"ilike",
                                          {"~~*"},
                                          "operator",
                                          "text ILIKE pattern [ESCAPE c] → boolean",
                                          "As LIKE without regard to case.",
                                          "ilike('HELLO', 'h%o')",
                                          "true"},
                                  .can_fail = true,
                                  .bind = Overloads("ilike", like),
                                  .evaluate = Like(true)}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"regexp_matches",
              {"~", "regexp_like", "regexp"},
              "string",
              "text ~ pattern, regexp_matches(text, pattern [, flags]) → boolean",
              "Does the regular expression (RE2) occur in the text? Flag i ignores case.",
              "regexp_matches('order-17', '[0-9]+')",
              "true"},
      .can_fail = true,
      .bind = Overloads("regexp_matches", like),
      .evaluate = Matches}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"regexp_replace",
           {},
           "string",
           "regexp_replace(text, pattern, replacement [, flags]) → varchar",
           "The first match replaced, every one with flag g; \\1 … \\9 are its groups.",
           "regexp_replace('a1b22', '[0-9]+', '#', 'g')",
           "a#b#"},
      .can_fail = true,
      .bind = Overloads("regexp_replace",
                        {{{text, text, text}, text}, {{text, text, text, text}, text}}),
      .evaluate = RegexReplace}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"regexp_count",
              {},
              "string",
              "regexp_count(text, pattern [, flags]) → bigint",
              "How often the expression matches, without overlap. Flag i ignores case.",
              "regexp_count('a1b22c', '[0-9]+')",
              "2"},
      .can_fail = true,
      .bind = Overloads("regexp_count", {{{text, text}, arrow::int64()},
                                         {{text, text, text}, arrow::int64()}}),
      .evaluate = CountMatches}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"regexp_split",
              {"regexp_split_to_array", "string_split_regex"},
              "string",
              "regexp_split(text, pattern [, flags]) → varchar[]",
              "The parts between matches of the expression. Flag i ignores case. Empty "
              "matches count between characters only.",
              "regexp_split('a, b;c', '[,;] *')",
              "[a, b, c]"},
      .can_fail = true,
      .bind = Overloads("regexp_split", {{{text, text}, arrow::list(text)},
                                         {{text, text, text}, arrow::list(text)}}),
      .evaluate = SplitByRegex}));
  return registry.Add(ScalarFunction{
      .doc = {"regexp_extract",
              {},
              "string",
              "regexp_extract(text, pattern [, group]) → varchar",
              "The first match, or its group 1 to 9; empty where nothing matches.",
              "regexp_extract('order-17', '([a-z]+)-([0-9]+)', 2)",
              "17"},
      .can_fail = true,
      .bind = BindExtract(),
      .evaluate = Extract});
}

}  // namespace millrace::functions
