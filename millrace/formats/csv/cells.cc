#include "millrace/formats/csv/cells.h"

#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/input.h"

namespace millrace::formats::csv {

namespace {

// Room for `size` bytes with padding on both sides, as the input has it.
char* Padded(size_t size, std::string* scratch) {
  scratch->assign(kPadding + size + kPadding, '\0');
  return scratch->data() + kPadding;
}

// PostgreSQL's text form of bytea, which the writer uses: \x and pairs of hex digits.
bool DecodeHex(std::string_view text, char* out) {
  if (text.size() % 2 != 0 || !text.starts_with("\\x")) return false;
  auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (size_t i = 2; i < text.size(); ++i) {
    if (nibble(text[i]) < 0) return false;
  }
  for (size_t i = 2; i < text.size(); i += 2) {
    *out++ = static_cast<char>(nibble(text[i]) * 16 + nibble(text[i + 1]));
  }
  return true;
}

}  // namespace

Found CsvCells::FindValue(int64_t row, std::string* scratch, const char** b,
                          const char** e) const {
  Field field = FieldAt(rows, dialect, row, column);
  if (field.end < field.begin) return Found::kNull;
  if (dialect.trim) field = Trimmed(field);
  // An empty field can't be a number or a time: nobody means an error by it, whatever the
  // spelling of NULL.
  if (field.begin == field.end) return Found::kNull;
  if (dialect.IsNullSpelling(field.view())) return Found::kNull;
  const bool quoted = IsQuoted(field, dialect) && field.size() >= 2;
  if (quoted) {
    ++field.begin;
    --field.end;
    if (field.begin == field.end) {
      return dialect.quoted_empty_is_null ? Found::kNull : Found::kBad;
    }
  }
  if (rows.unescape) {
    char* begin = Padded(field.size(), scratch);
    field = Field{begin, Unescape(field, quoted, dialect, begin)};
    if (field.begin == field.end) return Found::kBad;
  }
  *b = field.begin;
  *e = field.end;
  return Found::kValue;
}

bool CsvCells::FindText(int64_t row, Field field, bool binary, std::string* scratch,
                        std::string_view* out, std::vector<BadValue>* bad) const {
  const Text text = ContentOf(field, dialect);
  if (text.null) return false;
  *out = text.field.view();
  const bool unescape =
      rows.unescape &&
      (dialect.escape >= 0 ||
       (text.quoted && out->find(static_cast<char>(dialect.quote)) != out->npos));
  if (unescape) {
    char* begin = Padded(out->size(), scratch);
    const char* end = Unescape(text.field, text.quoted, dialect, begin);
    *out = {begin, static_cast<size_t>(end - begin)};
  }
  if (binary) {
    std::string decoded(kPadding + out->size() + kPadding, '\0');
    if (DecodeHex(*out, decoded.data() + kPadding)) {
      const size_t size = (out->size() - 2) / 2;
      *scratch = std::move(decoded);
      *out = {scratch->data() + kPadding, size};
    }
  } else if (rows.check_utf8 && !simdjson::validate_utf8(out->data(), out->size())) {
    BadValue value = Bad(row, *arrow::utf8());
    value.spec = &errors::kCsvInvalidUtf8;
    value.text = fmt::format("'{}'", Excerpt(FieldAt(rows, dialect, row, column).view()));
    bad->push_back(std::move(value));
    return false;
  }
  return true;
}

template <CellKind kKind>
Found LocalCells::Find(int64_t row, std::string* scratch, const char** b,
                       const char** e) const {
  if constexpr (kKind != CellKind::kNumber && kKind != CellKind::kExact) {
    return FindValue(row, scratch, b, e);
  }
  std::string unescaped;
  const Found found = FindValue(row, &unescaped, b, e);
  if (found != Found::kValue) return found;
  char* const begin = Padded(static_cast<size_t>(*e - *b), scratch);
  const char* end = PlainNumber(dialect.numbers, *b, *e, begin);
  if (end == nullptr || end == begin) return Found::kBad;
  *b = begin;
  *e = end;
  return Found::kValue;
}

template Found LocalCells::Find<CellKind::kNumber>(int64_t, std::string*, const char**,
                                                   const char**) const;
template Found LocalCells::Find<CellKind::kExact>(int64_t, std::string*, const char**,
                                                  const char**) const;
template Found LocalCells::Find<CellKind::kTime>(int64_t, std::string*, const char**,
                                                 const char**) const;
template Found LocalCells::Find<CellKind::kWord>(int64_t, std::string*, const char**,
                                                 const char**) const;

BadValue CsvCells::Bad(int64_t row, const arrow::DataType& type) const {
  const Field field = FieldAt(rows, dialect, row, column);
  std::string text =
      fmt::format("'{}' is no {}", Excerpt(field.view()), data::SqlTypeName(type));
  if (ContentOf(field, dialect).field.size() == 0) {
    text += "; set quoted_empty_is_null, or null, to read it as NULL";
  }
  return {.row = row,
          .spec = &errors::kCsvBadValue,
          .byte = static_cast<uint32_t>(reinterpret_cast<const uint8_t*>(field.begin) -
                                        rows.data),
          .text = std::move(text)};
}

}  // namespace millrace::formats::csv
