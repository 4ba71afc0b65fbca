// Parts of texts: SUBSTRING, TRIM, SPLIT, POSITION, REPLACE.
#include <limits>
#include <string>

#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/scalar/utf8_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;

// 1-based; a start before the text uses up length, a negative one counts from the end.
Text Substring(Text text, int64_t start, int64_t length) {
  if (length <= 0) return {};
  const int64_t begin = start < 0 ? CountCharacters(text) + start : start - 1;
  return Characters(text, begin, length);
}

constexpr int64_t kToTheEnd = std::numeric_limits<int64_t>::max() / 2;

Result<arrow::Datum> SubstringOf(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr&) {
  auto clamp = [](int64_t v) { return std::min(std::max(v, -kToTheEnd), kToTheEnd); };
  if (arguments.size() == 2) {
    return MapRowsToText<Text, int64_t>(
        context, arguments, rows, [=](Text text, int64_t start, TextOutput& out) {
          return out.Append(Substring(text, clamp(start), kToTheEnd));
        });
  }
  return MapRowsToText<Text, int64_t, int64_t>(
      context, arguments, rows,
      [=](Text text, int64_t start, int64_t length, TextOutput& out) {
        return out.Append(Substring(text, clamp(start), clamp(length)));
      });
}

// LEFT and RIGHT: a negative count leaves that many characters out.
auto Side(bool left) {
  return [left](EvalContext& context, const Arguments& arguments, int64_t rows,
                const TypePtr&) {
    return MapRowsToText<Text, int64_t>(
        context, arguments, rows, [left](Text text, int64_t count, TextOutput& out) {
          const int64_t length = CountCharacters(text);
          int64_t kept = count >= 0
                             ? std::min(count, length)
                             : std::max<int64_t>(length + std::max(count, -length), 0);
          return out.Append(Characters(text, left ? 0 : length - kept, kept));
        });
  };
}

bool ContainsCharacter(Text set, Text character) {
  return set.find(character) != Text::npos;
}

Text TrimText(Text text, Text set, bool left, bool right) {
  while (left && !text.empty()) {
    const size_t end = OffsetOf(text, 1);
    if (!ContainsCharacter(set, text.substr(0, end))) break;
    text.remove_prefix(end);
  }
  while (right && !text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && IsContinuation(text[begin])) --begin;
    if (!ContainsCharacter(set, text.substr(begin))) break;
    text.remove_suffix(text.size() - begin);
  }
  return text;
}

auto Trimmer(bool left, bool right) {
  return [=](EvalContext& context, const Arguments& arguments, int64_t rows,
             const TypePtr&) {
    if (arguments.size() == 1) {
      return MapRowsToText<Text>(context, arguments, rows,
                                 [=](Text text, TextOutput& out) {
                                   return out.Append(TrimText(text, " ", left, right));
                                 });
    }
    return MapRowsToText<Text, Text>(
        context, arguments, rows, [=](Text text, Text set, TextOutput& out) {
          return out.Append(TrimText(text, set, left, right));
        });
  };
}

Result<arrow::Datum> Replace(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr&) {
  std::string scratch;
  return MapRowsToText<Text, Text, Text>(
      context, arguments, rows,
      [&scratch](Text text, Text from, Text to, TextOutput& out) {
        size_t found = from.empty() ? Text::npos : text.find(from);
        if (found == Text::npos) return out.Append(text);
        scratch.clear();
        size_t at = 0;
        for (; found != Text::npos; found = text.find(from, at)) {
          scratch.append(text, at, found - at);
          scratch.append(to);
          at = found + from.size();
        }
        scratch.append(text, at);
        return out.Append(scratch);
      });
}

// Part `index` (1-based, negative from the end); empty where there is none.
Text SplitPart(Text text, Text separator, int64_t index) {
  if (index == 0) return {};
  if (separator.empty()) return index == 1 || index == -1 ? text : Text();
  if (index < 0) {
    for (; index < -1; ++index) {
      const size_t found = text.rfind(separator);
      if (found == Text::npos) return {};
      text = text.substr(0, found);
    }
    const size_t found = text.rfind(separator);
    return found == Text::npos ? text : text.substr(found + separator.size());
  }
  for (; index > 1; --index) {
    const size_t found = text.find(separator);
    if (found == Text::npos) return {};
    text.remove_prefix(found + separator.size());
  }
  return text.substr(0, text.find(separator));
}

Result<arrow::Datum> Split(EvalContext& context, const Arguments& arguments, int64_t rows,
                           const TypePtr& type) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  ARROW_ASSIGN_OR_RAISE(auto texts, Column<Text>::Make(arguments[0], context.pool));
  ARROW_ASSIGN_OR_RAISE(auto separators, Column<Text>::Make(arguments[1], context.pool));
  auto parts = std::make_shared<arrow::StringBuilder>(context.pool);
  arrow::ListBuilder lists(context.pool, parts, type);
  for (int64_t row = 0; row < rows; ++row) {
    if (texts.IsNull(row) || separators.IsNull(row)) {
      ARROW_RETURN_NOT_OK(lists.AppendNull());
      continue;
    }
    ARROW_RETURN_NOT_OK(lists.Append());
    Text text = texts[row];
    const Text separator = separators[row];
    if (separator.empty()) {
      // Into single characters.
      while (!text.empty()) {
        const size_t end = OffsetOf(text, 1);
        ARROW_RETURN_NOT_OK(parts->Append(text.substr(0, end)));
        text.remove_prefix(end);
      }
      continue;
    }
    for (size_t found = text.find(separator); found != Text::npos;
         found = text.find(separator)) {
      ARROW_RETURN_NOT_OK(parts->Append(text.substr(0, found)));
      text.remove_prefix(found + separator.size());
    }
    ARROW_RETURN_NOT_OK(parts->Append(text));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, lists.Finish());
  return Retyped(std::move(array), type, scalar);
}

int64_t Position(Text text, Text part) {
  const size_t found = text.find(part);
  return found == Text::npos ? 0 : CountCharacters(text.substr(0, found)) + 1;
}

template <typename Test>
ScalarFunction TextTest(const char* name, const char* description, const char* example,
                        const char* alias, const Test& test) {
  ScalarFunction function{
      .doc = {name,
              {},
              "string",
              std::string(name) + "(text, part) → boolean",
              description,
              example,
              "true"},
      .bind = Overloads(name, {{{arrow::utf8(), arrow::utf8()}, arrow::boolean()}}),
      .evaluate = [test](EvalContext& context, const Arguments& arguments, int64_t rows,
                         const TypePtr& type) {
        return MapRows<bool, Text, Text>(context, arguments, rows, type,
                                         [&test](Text text, Text part, bool* out) {
                                           *out = test(text, part);
                                           return true;
                                         });
      }};
  if (alias != nullptr) function.doc.aliases.push_back(alias);
  return function;
}

}  // namespace

Status RegisterTextParts(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"substring",
              {"substr"},
              "string",
              "substring(text, start [, length]) → varchar",
              "Characters from `start`, counted from 1; a negative start counts from the "
              "end.",
              "substring('hello', 2, 3)",
              "ell"},
      .bind = Overloads("substring",
                        {{{text, integer}, text}, {{text, integer, integer}, text}}),
      .evaluate = SubstringOf}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"left",
              {},
              "string",
              "left(text, count) → varchar",
              "The first characters; a negative count leaves that many out at the end.",
              "left('hello', 2)",
              "he"},
      .bind = Overloads("left", {{{text, integer}, text}}),
      .evaluate = Side(true)}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"right",
              {},
              "string",
              "right(text, count) → varchar",
              "The last characters; a negative count leaves that many out at the start.",
              "right('hello', 2)",
              "lo"},
      .bind = Overloads("right", {{{text, integer}, text}}),
      .evaluate = Side(false)}));
  struct TrimName {
    const char *name, *where, *example, *result;
    bool left, right;
    std::vector<std::string> aliases = {};
  };
  const TrimName trims[] = {
      {"trim", "both ends", "trim('xxaxx', 'x')", "a", true, true, {"btrim"}},
      {"ltrim", "the start", "ltrim('xxaxx', 'x')", "axx", true, false},
      {"rtrim", "the end", "rtrim('xxaxx', 'x')", "xxa", false, true}};
  for (const TrimName& trim : trims) {
    ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
        .doc = {trim.name, trim.aliases, "string",
                std::string(trim.name) + "(text [, characters]) → varchar",
                std::string("Without blanks, or any of the characters given, at ") +
                    trim.where + ".",
                trim.example, trim.result},
        .bind = Overloads(trim.name, {{{text}, text}, {{text, text}, text}}),
        .evaluate = Trimmer(trim.left, trim.right)}));
  }
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"replace",
              {},
              "string",
              "replace(text, from, to) → varchar",
              "Every `from` in the text becomes `to`; an empty `from` changes nothing.",
              "replace('a-b-c', '-', '+')",
              "a+b+c"},
      .bind = Overloads("replace", {{{text, text, text}, text}}),
      .evaluate = Replace}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"split",
              {"string_split", "string_to_array", "str_split"},
              "string",
              "split(text, separator) → varchar[]",
              "The parts between separators; single characters where it is empty.",
              "split('a,b', ',')",
              "[a, b]"},
      .bind = Overloads("split", {{{text, text}, arrow::list(text)}}),
      .evaluate = Split}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc =
          {"split_part",
           {},
           "string",
           "split_part(text, separator, index) → varchar",
           "Part number `index`, counted from 1, or from the end where negative; empty "
           "where there is none.",
           "split_part('a,b,c', ',', 2)",
           "b"},
      .bind = Overloads("split_part", {{{text, text, integer}, text}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr&) {
        return MapRowsToText<Text, Text, int64_t>(
            context, arguments, rows,
            [](Text value, Text separator, int64_t index, TextOutput& out) {
              return out.Append(SplitPart(value, separator, index));
            });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"strpos",
              {"instr"},
              "string",
              "strpos(text, part) → bigint",
              "Character at which the part first begins, counted from 1; 0 where it does "
              "not occur.",
              "strpos('hello', 'l')",
              "3"},
      .bind = Overloads("strpos", {{{text, text}, integer}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<int64_t, Text, Text>(
            context, arguments, rows, type,
            [](Text value, Text part, int64_t* out) { *out = Position(value, part); });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"position",
              {"locate"},
              "string",
              "position(part, text), POSITION(part IN text) → bigint",
              "As strpos, the part first.",
              "position('l', 'hello')",
              "3"},
      .bind = Overloads("position", {{{text, text}, integer}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<int64_t, Text, Text>(
            context, arguments, rows, type,
            [](Text part, Text value, int64_t* out) { *out = Position(value, part); });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(TextTest(
      "starts_with", "Does the text begin with the part?", "starts_with('hello', 'he')",
      "startswith", [](Text value, Text part) { return value.starts_with(part); })));
  ARROW_RETURN_NOT_OK(registry.Add(TextTest(
      "ends_with", "Does the text end with the part?", "ends_with('hello', 'lo')",
      "endswith", [](Text value, Text part) { return value.ends_with(part); })));
  return registry.Add(TextTest(
      "contains", "Does the part occur in the text?", "contains('hello', 'ell')", nullptr,
      [](Text value, Text part) { return value.find(part) != Text::npos; }));
}

}  // namespace millrace::functions
