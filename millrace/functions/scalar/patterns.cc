// LIKE, ILIKE and regular expressions (RE2).
#include <memory>
#include <string>

#include <re2/re2.h>

#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/scalar/utf8_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;

re2::StringPiece Piece(Text text) { return re2::StringPiece(text.data(), text.size()); }

struct RegexFlags {
  bool ignore_case = false;
  bool global = false;
};

Status ParseFlags(Text flags, RegexFlags* out) {
  for (char flag : flags) {
    switch (flag) {
      case 'i': out->ignore_case = true; break;
      case 'c': out->ignore_case = false; break;
      case 'g': out->global = true; break;
      default:
        return errors::kBadPattern.Make({}, "flag '{}'; there are i, c and g", flag);
    }
  }
  return Status::OK();
}

// The last compiled pattern: most calls have one constant pattern for all rows.
class PatternCache {
 public:
  Result<const re2::RE2*> Get(Text pattern, bool ignore_case) {
    if (regex_ != nullptr && pattern == pattern_ && ignore_case == ignore_case_) {
      return regex_.get();
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(!ignore_case);
    pattern_ = std::string(pattern);
    ignore_case_ = ignore_case;
    regex_ = std::make_unique<re2::RE2>(Piece(pattern), options);
    if (!regex_->ok()) {
      Status status = errors::kBadPattern.Make({}, "'{}': {}", pattern_, regex_->error());
      regex_.reset();
      return status;
    }
    return regex_.get();
  }

 private:
  std::string pattern_;
  bool ignore_case_ = false;
  std::unique_ptr<re2::RE2> regex_;
};

// A LIKE pattern as a regular expression: % any text, _ one character, `escape` before a
// character takes it literally.
Status LikeToRegex(Text pattern, Text escape, std::string* out) {
  *out = "(?s)\\A";
  for (size_t at = 0; at < pattern.size();) {
    size_t end = at + OffsetOf(pattern.substr(at), 1);
    Text character = pattern.substr(at, end - at);
    at = end;
    if (!escape.empty() && character == escape) {
      if (at == pattern.size()) {
        return errors::kBadPattern.Make({}, "LIKE '{}' ends with its escape character",
                                        pattern);
      }
      end = at + OffsetOf(pattern.substr(at), 1);
      *out += re2::RE2::QuoteMeta(Piece(pattern.substr(at, end - at)));
      at = end;
    } else if (character == "%") {
      *out += ".*";
    } else if (character == "_") {
      *out += ".";
    } else {
      *out += re2::RE2::QuoteMeta(Piece(character));
    }
  }
  *out += "\\z";
  return Status::OK();
}

// Patterns without wildcards inside are a comparison of bytes.
class LikeMatcher {
 public:
  explicit LikeMatcher(bool ignore_case) : ignore_case_(ignore_case) {}

  Status Match(Text text, Text pattern, Text escape, bool* out) {
    if (!prepared_ || pattern != pattern_ || escape != escape_) {
      ARROW_RETURN_NOT_OK(Prepare(pattern, escape));
    }
    switch (shape_) {
      case Shape::kEqual: *out = text == literal_; break;
      case Shape::kPrefix: *out = text.starts_with(literal_); break;
      case Shape::kSuffix: *out = text.ends_with(literal_); break;
      case Shape::kContains: *out = text.find(literal_) != Text::npos; break;
      case Shape::kRegex: *out = re2::RE2::PartialMatch(Piece(text), *regex_); break;
    }
    return Status::OK();
  }

 private:
  enum class Shape { kEqual, kPrefix, kSuffix, kContains, kRegex };

  Status Prepare(Text pattern, Text escape) {
    prepared_ = false;
    pattern_ = std::string(pattern);
    escape_ = std::string(escape);
    Text inner = pattern;
    const bool open_start = inner.starts_with('%');
    if (open_start) inner.remove_prefix(1);
    const bool open_end = inner.ends_with('%');
    if (open_end) inner.remove_suffix(1);
    const bool plain = !ignore_case_ && inner.find_first_of("%_") == Text::npos &&
                       (escape.empty() || inner.find(escape) == Text::npos);
    if (plain) {
      literal_ = std::string(inner);
      shape_ = open_start ? (open_end ? Shape::kContains : Shape::kSuffix)
                          : (open_end ? Shape::kPrefix : Shape::kEqual);
      if (pattern == "%") shape_ = Shape::kContains;
    } else {
      std::string regex;
      ARROW_RETURN_NOT_OK(LikeToRegex(pattern, escape, &regex));
      ARROW_ASSIGN_OR_RAISE(regex_, cache_.Get(regex, ignore_case_));
      shape_ = Shape::kRegex;
    }
    prepared_ = true;
    return Status::OK();
  }

  const bool ignore_case_;
  bool prepared_ = false;
  Shape shape_ = Shape::kEqual;
  std::string pattern_, escape_, literal_;
  PatternCache cache_;
  const re2::RE2* regex_ = nullptr;
};

auto Like(bool ignore_case) {
  return [ignore_case](EvalContext& context, const Arguments& arguments, int64_t rows,
                       const TypePtr& type) {
    LikeMatcher matcher(ignore_case);
    if (arguments.size() == 2) {
      return MapRows<bool, Text, Text>(context, arguments, rows, type,
                                       [&](Text text, Text pattern, bool* out) {
                                         return matcher.Match(text, pattern, "\\", out);
                                       });
    }
    return MapRows<bool, Text, Text, Text>(
        context, arguments, rows, type,
        [&](Text text, Text pattern, Text escape, bool* out) {
          if (CountCharacters(escape) > 1) {
            return errors::kBadPattern.Make(
                {}, "ESCAPE '{}' is longer than one character", escape);
          }
          return matcher.Match(text, pattern, escape, out);
        });
  };
}

Result<arrow::Datum> Matches(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr& type) {
  PatternCache cache;
  if (arguments.size() == 2) {
    return MapRows<bool, Text, Text>(context, arguments, rows, type,
                                     [&](Text text, Text pattern, bool* out) -> Status {
                                       ARROW_ASSIGN_OR_RAISE(const re2::RE2* regex,
                                                             cache.Get(pattern, false));
                                       *out = re2::RE2::PartialMatch(Piece(text), *regex);
                                       return Status::OK();
                                     });
  }
  return MapRows<bool, Text, Text, Text>(
      context, arguments, rows, type,
      [&](Text text, Text pattern, Text flag_text, bool* out) -> Status {
        RegexFlags flags;
        ARROW_RETURN_NOT_OK(ParseFlags(flag_text, &flags));
        ARROW_ASSIGN_OR_RAISE(const re2::RE2* regex,
                              cache.Get(pattern, flags.ignore_case));
        *out = re2::RE2::PartialMatch(Piece(text), *regex);
        return Status::OK();
      });
}

Result<arrow::Datum> RegexReplace(EvalContext& context, const Arguments& arguments,
                                  int64_t rows, const TypePtr&) {
  PatternCache cache;
  std::string scratch;
  auto replace = [&](Text text, Text pattern, Text rewrite, const RegexFlags& flags,
                     TextOutput& out) -> Status {
    ARROW_ASSIGN_OR_RAISE(const re2::RE2* regex, cache.Get(pattern, flags.ignore_case));
    std::string problem;
    if (!regex->CheckRewriteString(Piece(rewrite), &problem)) {
      return errors::kBadPattern.Make({}, "replacement '{}': {}", rewrite, problem);
    }
    scratch.assign(text);
    if (flags.global) {
      re2::RE2::GlobalReplace(&scratch, *regex, Piece(rewrite));
    } else {
      re2::RE2::Replace(&scratch, *regex, Piece(rewrite));
    }
    return out.Append(scratch);
  };
  if (arguments.size() == 3) {
    return MapRowsToText<Text, Text, Text>(
        context, arguments, rows,
        [&](Text text, Text pattern, Text rewrite, TextOutput& out) {
          return replace(text, pattern, rewrite, RegexFlags(), out);
        });
  }
  return MapRowsToText<Text, Text, Text, Text>(
      context, arguments, rows,
      [&](Text text, Text pattern, Text rewrite, Text flag_text,
          TextOutput& out) -> Status {
        RegexFlags flags;
        ARROW_RETURN_NOT_OK(ParseFlags(flag_text, &flags));
        return replace(text, pattern, rewrite, flags, out);
      });
}

// Group 0 is the whole match; no match is an empty text.
Result<arrow::Datum> Extract(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr&) {
  PatternCache cache;
  std::vector<re2::StringPiece> groups;
  auto extract = [&](Text text, Text pattern, int64_t group, TextOutput& out) -> Status {
    ARROW_ASSIGN_OR_RAISE(const re2::RE2* regex, cache.Get(pattern, false));
    if (group < 0 || group > regex->NumberOfCapturingGroups()) {
      return errors::kOutOfDomain.Make({}, "group {} of '{}', which has {}", group,
                                       pattern, regex->NumberOfCapturingGroups());
    }
    groups.assign(static_cast<size_t>(group) + 1, re2::StringPiece());
    if (!regex->Match(Piece(text), 0, text.size(), re2::RE2::UNANCHORED, groups.data(),
                      static_cast<int>(groups.size()))) {
      return out.Append("");
    }
    const re2::StringPiece& found = groups.back();
    return out.Append(Text(found.data(), found.size()));
  };
  if (arguments.size() == 2) {
    return MapRowsToText<Text, Text>(context, arguments, rows,
                                     [&](Text text, Text pattern, TextOutput& out) {
                                       return extract(text, pattern, 0, out);
                                     });
  }
  return MapRowsToText<Text, Text, int64_t>(context, arguments, rows, extract);
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
  return registry.Add(ScalarFunction{
      .doc = {"regexp_extract",
              {},
              "string",
              "regexp_extract(text, pattern [, group]) → varchar",
              "The first match, or one of its groups; empty where nothing matches.",
              "regexp_extract('order-17', '([a-z]+)-([0-9]+)', 2)",
              "17"},
      .can_fail = true,
      .bind = Overloads("regexp_extract",
                        {{{text, text}, text}, {{text, text, arrow::int64()}, text}}),
      .evaluate = Extract});
}

}  // namespace millrace::functions
