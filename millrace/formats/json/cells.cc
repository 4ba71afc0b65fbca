#include "millrace/formats/json/cells.h"

#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <fmt/format.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/input.h"
#include "millrace/formats/json/errors.h"

namespace millrace::formats::json {

namespace {

// The text of a value that is no string: its JSON, as it stands there. Empty when it is
// none.
std::string_view RawText(const Tokens& tokens, uint32_t token) {
  const uint32_t end = CheckValue(tokens, token);
  if (end == 0) return {};
  if (end == token + 1) return tokens.TextOf(token);
  const char* begin = tokens.data + tokens.at[token];
  return {begin, static_cast<size_t>(tokens.data + tokens.at[end - 1] + 1 - begin)};
}

// The content of a string that has escapes; false when one of them is wrong. Padded like
// the input: value parsers load whole words.
bool Unescaped(const Tokens& tokens, std::string_view inside, std::string* scratch,
               std::string_view* out) {
  scratch->assign(kPadding + inside.size() + kPadding, '\0');
  char* begin = scratch->data() + kPadding;
  const char* end = tokens.Unescape(inside.data(), begin);
  if (end == nullptr) return false;
  *out = {begin, static_cast<size_t>(end - begin)};
  return true;
}

}  // namespace

Found JsonCells::FindValue(int64_t row, CellKind kind, bool quoted, std::string* scratch,
                           const char** b, const char** e) const {
  const uint32_t token = (*this)[row];
  if (token == 0) return Found::kNull;
  std::string_view text = tokens.TextOf(token);
  if (text == "null") return Found::kNull;
  if (text[0] == '"') {
    if (!quoted || text.size() <= 2) return Found::kBad;
    text = Tokens::Inside(text);
    if (tokens.HasEscape(text) && !Unescaped(tokens, text, scratch, &text)) {
      return Found::kBad;
    }
    if (text.empty()) return Found::kBad;
  } else if (kind == CellKind::kTime) {
    return Found::kBad;
  } else if (kind != CellKind::kWord && text[0] != '-' &&
             static_cast<unsigned char>(text[0] - '0') > 9) {
    return Found::kBad;
  }
  *b = text.data();
  *e = text.data() + text.size();
  return Found::kValue;
}

bool JsonCells::FindText(int64_t row, bool binary, const arrow::DataType& type,
                         std::string* scratch, std::string_view* out,
                         std::vector<BadValue>* bad) const {
  const uint32_t token = (*this)[row];
  if (token == 0) return false;
  if (tokens.kind(token) != '"') {
    *out = RawText(tokens, token);
    if (*out == "null") return false;
    if (!binary && !out->empty()) return true;
    bad->push_back(binary ? Bad(row, type) : BadEscape(row));
    return false;
  }
  *out = Tokens::Inside(tokens.TextOf(token));
  const bool good = !tokens.HasEscape(*out) || Unescaped(tokens, *out, scratch, out);
  if (!binary) {
    if (!good) bad->push_back(BadEscape(row));
    return good;
  }
  auto bytes = arrow::util::base64_decode(*out);
  if (!good || !bytes.ok() || out->size() % 4 != 0) {
    bad->push_back(Bad(row, type));
    bad->back().text += "; base64 is expected";
    return false;
  }
  const size_t size = bytes->size();
  *scratch = std::move(*bytes);
  scratch->resize(size + kPadding);
  *out = {scratch->data(), size};
  return true;
}

int64_t JsonCells::TextBytes() const {
  int64_t bytes = 0;
  for (int64_t row = 0; row < count; ++row) {
    const uint32_t token = (*this)[row];
    if (token == 0) continue;
    const char kind = tokens.kind(token);
    const uint32_t end =
        kind == '{' || kind == '[' ? SkipValue(tokens, token) : token + 1;
    bytes += tokens.at[end] - tokens.at[token];
  }
  return bytes;
}

BadValue MakeBadValue(const Tokens& tokens, int64_t row, uint32_t token,
                      const arrow::DataType& type) {
  // A nested value is shown up to wherever it goes.
  const uint32_t end = SkipValue(tokens, token);
  const char* begin = tokens.data + tokens.at[token];
  const size_t size =
      end == 0 ? 1 : static_cast<size_t>(tokens.data + tokens.at[end - 1] - begin);
  const std::string_view text =
      end == token + 1 ? tokens.TextOf(token) : std::string_view(begin, size + 1);
  return {.row = row,
          .spec = &errors::kJsonBadValue,
          .byte = tokens.at[token],
          .text = fmt::format("{} is no {}", Excerpt(text), data::SqlTypeName(type))};
}

BadValue JsonCells::BadEscape(int64_t row) const {
  return {.row = row,
          .spec = &errors::kJsonMalformed,
          .byte = tokens.at[(*this)[row]],
          .text = "a wrong escape in a string, or a value that is none"};
}

}  // namespace millrace::formats::json
