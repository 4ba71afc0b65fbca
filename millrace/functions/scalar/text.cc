// Whole texts: case, length, concatenation, padding.
#include <string>

#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/scalar/utf8_internal.h"

namespace millrace::functions {

namespace {

constexpr int64_t kMaxText = 1 << 30;  ///< bytes of one value

Status TooLong(const char* name, int64_t length) {
  return errors::kTextTooLong.Make({}, "{} to {} characters", name, length);
}

ScalarFunction ByArrow(expr::FunctionDoc doc, Bind bind, std::string kernel) {
  return ScalarFunction{
      .doc = std::move(doc),
      .bind = std::move(bind),
      .evaluate = [kernel = std::move(kernel)](
                      EvalContext& context, const Arguments& arguments, int64_t,
                      const TypePtr&) { return CallArrow(context, kernel, arguments); }};
}

// Every argument as text; numbers and times as CAST writes them.
Bind BindToText(std::string name, size_t least) {
  return [=](const Types& types, const Literals&) -> Result<Binding> {
    if (types.size() < least) return BadArguments(name, types, "too few arguments");
    for (const TypePtr& type : types) {
      if (type->id() == arrow::Type::LIST || type->id() == arrow::Type::STRUCT) {
        return BadArguments(name, types);
      }
    }
    return Binding{Types(types.size(), arrow::utf8()), arrow::utf8()};
  };
}

// Shared by CONCAT (NULL is empty), CONCAT_WS (NULL is left out) and || (NULL in, NULL
// out).
enum class OnNull { kNull, kSkip };

Result<arrow::Datum> Join(EvalContext& context, const Arguments& arguments, int64_t rows,
                          bool separated, OnNull on_null) {
  const bool scalar = AllScalars(arguments);
  if (scalar) rows = 1;
  std::vector<Column<std::string_view>> columns;
  for (const arrow::Datum& argument : arguments) {
    ARROW_ASSIGN_OR_RAISE(auto column,
                          Column<std::string_view>::Make(argument, context.pool));
    columns.push_back(std::move(column));
  }
  arrow::StringBuilder out(context.pool);
  ARROW_RETURN_NOT_OK(out.Reserve(rows));
  const size_t first = separated ? 1 : 0;
  for (int64_t row = 0; row < rows; ++row) {
    bool null = separated && columns[0].IsNull(row);
    for (size_t i = first; i < columns.size() && on_null == OnNull::kNull; ++i) {
      null |= columns[i].IsNull(row);
    }
    if (null) {
      out.UnsafeAppendNull();
      continue;
    }
    ARROW_RETURN_NOT_OK(out.Append(std::string_view()));
    bool any = false;
    for (size_t i = first; i < columns.size(); ++i) {
      if (columns[i].IsNull(row)) continue;
      if (separated && any) ARROW_RETURN_NOT_OK(out.ExtendCurrent(columns[0][row]));
      ARROW_RETURN_NOT_OK(out.ExtendCurrent(columns[i][row]));
      any = true;
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto array, out.Finish());
  return Retyped(std::move(array), arrow::utf8(), scalar);
}

auto Joiner(bool separated, OnNull on_null) {
  return
      [=](EvalContext& context, const Arguments& arguments, int64_t rows,
          const TypePtr&) { return Join(context, arguments, rows, separated, on_null); };
}

Status Pad(std::string_view text, int64_t width, std::string_view fill, bool left,
           std::string* scratch, TextOutput& out) {
  const int64_t length = CountCharacters(text);
  if (length >= width || fill.empty()) return out.Append(Characters(text, 0, width));
  if (width > kMaxText / 4) return TooLong(left ? "lpad" : "rpad", width);
  scratch->clear();
  if (!left) scratch->append(text);
  int64_t missing = width - length;
  const int64_t fill_length = CountCharacters(fill);
  for (; missing >= fill_length; missing -= fill_length) scratch->append(fill);
  scratch->append(Characters(fill, 0, missing));
  if (left) scratch->append(text);
  return out.Append(*scratch);
}

auto Padder(bool left) {
  return [left](EvalContext& context, const Arguments& arguments, int64_t rows,
                const TypePtr&) {
    std::string scratch;
    if (arguments.size() == 2) {
      return MapRowsToText<std::string_view, int64_t>(
          context, arguments, rows,
          [&, left](std::string_view text, int64_t width, TextOutput& out) {
            return Pad(text, width, " ", left, &scratch, out);
          });
    }
    return MapRowsToText<std::string_view, int64_t, std::string_view>(
        context, arguments, rows,
        [&, left](std::string_view text, int64_t width, std::string_view fill,
                  TextOutput& out) {
          return Pad(text, width, fill, left, &scratch, out);
        });
  };
}

Result<arrow::Datum> Repeat(EvalContext& context, const Arguments& arguments,
                            int64_t rows, const TypePtr&) {
  std::string scratch;
  return MapRowsToText<std::string_view, int64_t>(
      context, arguments, rows,
      [&scratch](std::string_view text, int64_t times, TextOutput& out) {
        if (times > 0 && static_cast<int64_t>(text.size()) > kMaxText / times) {
          return TooLong("repeat", times);
        }
        scratch.clear();
        for (int64_t i = 0; i < times && !text.empty(); ++i) scratch.append(text);
        return out.Append(scratch);
      });
}

// The first letter of every word large, the others small.
Result<arrow::Datum> InitCap(EvalContext& context, const Arguments& arguments,
                             int64_t rows, const TypePtr&) {
  ARROW_ASSIGN_OR_RAISE(arrow::Datum lower, CallArrow(context, "utf8_lower", arguments));
  ARROW_ASSIGN_OR_RAISE(arrow::Datum upper, CallArrow(context, "utf8_upper", arguments));
  auto in_word = [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
           (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::string scratch;
  return MapRowsToText<std::string_view, std::string_view>(
      context, {lower, upper}, rows,
      [&](std::string_view small, std::string_view large, TextOutput& out) {
        scratch.clear();
        size_t l = 0;
        bool inside = false;
        // Both walk by characters: case may change the number of bytes.
        for (size_t s = 0; s < small.size();) {
          const size_t s_end = s + OffsetOf(small.substr(s), 1);
          const size_t l_end = l + OffsetOf(large.substr(l), 1);
          const bool word = in_word(small[s]);
          scratch.append(word && !inside ? large.substr(l, l_end - l)
                                         : small.substr(s, s_end - s));
          inside = word;
          s = s_end;
          l = l_end;
        }
        return out.Append(scratch);
      });
}

}  // namespace

Status RegisterText(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  auto one_text = [&](const char* name) { return Overloads(name, {{{text}, text}}); };
  ARROW_RETURN_NOT_OK(registry.Add(ByArrow({"upper",
                                            {"ucase"},
                                            "string",
                                            "upper(text) → varchar",
                                            "In capital letters, character by character.",
                                            "upper('naïve')",
                                            "NAÏVE"},
                                           one_text("upper"), "utf8_upper")));
  ARROW_RETURN_NOT_OK(registry.Add(ByArrow({"lower",
                                            {"lcase"},
                                            "string",
                                            "lower(text) → varchar",
                                            "In small letters.",
                                            "lower('ABC')",
                                            "abc"},
                                           one_text("lower"), "utf8_lower")));
  ARROW_RETURN_NOT_OK(registry.Add(ByArrow({"reverse",
                                            {},
                                            "string",
                                            "reverse(text) → varchar",
                                            "The characters backwards.",
                                            "reverse('abc')",
                                            "cba"},
                                           one_text("reverse"), "utf8_reverse")));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"initcap",
                             {},
                             "string",
                             "initcap(text) → varchar",
                             "Every word with a capital first letter and small others.",
                             "initcap('hello wORLD')",
                             "Hello World"},
                     .bind = one_text("initcap"),
                     .evaluate = InitCap}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"length",
              {"char_length", "character_length", "len"},
              "string",
              "length(text) → bigint",
              "Number of characters (code points).",
              "length('naïve')",
              "5"},
      .bind = Overloads("length", {{{text}, integer}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<int64_t, std::string_view>(
            context, arguments, rows, type,
            [](std::string_view value, int64_t* out) { *out = CountCharacters(value); });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"octet_length",
              {},
              "string",
              "octet_length(text) → bigint",
              "Number of bytes.",
              "octet_length('naïve')",
              "6"},
      .bind = Overloads("octet_length", {{{text}, integer}}),
      .evaluate = [](EvalContext& context, const Arguments& arguments, int64_t rows,
                     const TypePtr& type) {
        return MapRows<int64_t, std::string_view>(
            context, arguments, rows, type, [](std::string_view value, int64_t* out) {
              *out = static_cast<int64_t>(value.size());
            });
      }}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"||",
              {},
              "operator",
              "a || b → varchar",
              "The texts one after the other. NULL where either is NULL; other types as "
              "CAST writes them.",
              "'a' || 1",
              "a1"},
      .bind = BindToText("||", 2),
      .evaluate = Joiner(false, OnNull::kNull)}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"concat",
                             {},
                             "string",
                             "concat(a, b, …) → varchar",
                             "The texts one after the other; a NULL counts as empty.",
                             "concat('a', NULL, 2)",
                             "a2"},
                     .bind = BindToText("concat", 1),
                     .evaluate = Joiner(false, OnNull::kSkip)}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"concat_ws",
              {"join"},
              "string",
              "concat_ws(separator, a, b, …) → varchar",
              "The texts with the separator between them; NULLs are left out. NULL only "
              "where the separator is.",
              "concat_ws('-', 'a', NULL, 'b')",
              "a-b"},
      .bind = BindToText("concat_ws", 2),
      .evaluate = Joiner(true, OnNull::kSkip)}));
  const std::vector<Signature> pad{{{text, integer}, text},
                                   {{text, integer, text}, text}};
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"lpad",
              {},
              "string",
              "lpad(text, width [, fill]) → varchar",
              "Filled on the left to a width in characters, by blanks or `fill`; cut on "
              "the right where it is longer.",
              "lpad('7', 3, '0')",
              "007"},
      .can_fail = true,
      .bind = Overloads("lpad", pad),
      .evaluate = Padder(true)}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"rpad",
              {},
              "string",
              "rpad(text, width [, fill]) → varchar",
              "Filled on the right to a width in characters, by blanks or `fill`; cut "
              "where it is longer.",
              "rpad('7', 3, '0')",
              "700"},
      .can_fail = true,
      .bind = Overloads("rpad", pad),
      .evaluate = Padder(false)}));
  return registry.Add(
      ScalarFunction{.doc = {"repeat",
                             {},
                             "string",
                             "repeat(text, times) → varchar",
                             "The text that many times; empty for zero and less.",
                             "repeat('ab', 3)",
                             "ababab"},
                     .can_fail = true,
                     .bind = Overloads("repeat", {{{text, integer}, text}}),
                     .evaluate = Repeat});
}

}  // namespace millrace::functions
