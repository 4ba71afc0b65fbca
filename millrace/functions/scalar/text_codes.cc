// Single characters: their codes, and one character for another.
#include <string>

#include "millrace/expr/errors.h"
#include "millrace/functions/scalar/register_internal.h"
#include "millrace/functions/scalar/utf8_internal.h"

namespace millrace::functions {

namespace {

using Text = std::string_view;

Result<arrow::Datum> CharacterOf(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr&) {
  return MapRowsToText<int64_t>(
      context, arguments, rows, [](int64_t code, TextOutput& out) -> Status {
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        if (code < 0 || code > 0x10FFFF || surrogate) {
          return errors::kOutOfDomain.Make({}, "there is no character {}", code);
        }
        char bytes[4];
        return out.Append(
            Text(bytes, EncodeCharacter(static_cast<uint32_t>(code), bytes)));
      });
}

// Characters by number, for one pair of `from` and `to` at a time: mostly constants.
class Translation {
 public:
  void Set(Text from, Text to) {
    if (known_ && from == from_ && to == to_) return;
    from_ = std::string(from);
    to_ = std::string(to);
    known_ = true;
  }

  void Apply(Text text, std::string* out) const {
    while (!text.empty()) {
      const size_t size = OffsetOf(text, 1);
      const Text character = text.substr(0, size);
      text.remove_prefix(size);
      const size_t found = FindCharacter(character);
      if (found == Text::npos) {
        out->append(character);
      } else {
        const auto index = CountCharacters(Text(from_).substr(0, found));
        out->append(Characters(to_, index, 1));
      }
    }
  }

 private:
  // UTF-8 characters can't begin inside others, so a search by bytes does.
  size_t FindCharacter(Text character) const { return from_.find(character); }

  bool known_ = false;
  std::string from_, to_;
};

Result<arrow::Datum> Translate(EvalContext& context, const Arguments& arguments,
                               int64_t rows, const TypePtr&) {
  Translation translation;
  std::string scratch;
  return MapRowsToText<Text, Text, Text>(
      context, arguments, rows, [&](Text text, Text from, Text to, TextOutput& out) {
        translation.Set(from, to);
        scratch.clear();
        translation.Apply(text, &scratch);
        return out.Append(scratch);
      });
}

Result<arrow::Datum> Occurrences(EvalContext& context, const Arguments& arguments,
                                 int64_t rows, const TypePtr& type) {
  return MapRows<int64_t, Text, Text>(
      context, arguments, rows, type, [](Text text, Text part, int64_t* out) {
        *out = 0;
        if (part.empty()) return;
        for (size_t at = text.find(part); at != Text::npos;
             at = text.find(part, at + part.size())) {
          ++*out;
        }
      });
}

}  // namespace

Status RegisterTextCodes(FunctionRegistry& registry) {
  const auto text = arrow::utf8();
  const auto integer = arrow::int64();
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"ascii",
                             {"unicode", "ord"},
                             "string",
                             "ascii(text) → bigint",
                             "Code point of the first character; 0 of an empty text.",
                             "ascii('é')",
                             "233"},
                     .bind = Overloads("ascii", {{{text}, integer}}),
                     .evaluate = [](EvalContext& context, const Arguments& arguments,
                                    int64_t rows, const TypePtr& type) {
                       return MapRows<int64_t, Text>(
                           context, arguments, rows, type, [](Text value, int64_t* out) {
                             *out = value.empty() ? 0 : FirstCodePoint(value);
                           });
                     }}));
  ARROW_RETURN_NOT_OK(registry.Add(
      ScalarFunction{.doc = {"chr",
                             {"char"},
                             "string",
                             "chr(code) → varchar",
                             "The character of a code point; an error where there is "
                             "none.",
                             "chr(233)",
                             "é"},
                     .can_fail = true,
                     .bind = Overloads("chr", {{{integer}, text}}),
                     .evaluate = CharacterOf}));
  ARROW_RETURN_NOT_OK(registry.Add(ScalarFunction{
      .doc = {"translate",
              {},
              "string",
              "translate(text, from, to) → varchar",
              "Each character of `from` becomes the one at its place in `to`, or nothing "
              "where `to` is shorter.",
              "translate('2024/02', '/0', '-')",
              "224-2"},
      .bind = Overloads("translate", {{{text, text, text}, text}}),
      .evaluate = Translate}));
  return registry.Add(ScalarFunction{
      .doc = {"count_occurrences",
              {"substring_count"},
              "string",
              "count_occurrences(text, part) → bigint",
              "How often the part occurs, without overlap; 0 of an empty part.",
              "count_occurrences('banana', 'an')",
              "2"},
      .bind = Overloads("count_occurrences", {{{text, text}, integer}}),
      .evaluate = Occurrences});
}

}  // namespace millrace::functions
