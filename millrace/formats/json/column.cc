#include "millrace/formats/json/column.h"

#include "millrace/formats/json/errors.h"
#include "millrace/formats/text/string_column.h"
#include "millrace/formats/text/value_column.h"

namespace millrace::formats::json {

namespace {

bool IsJsonNumber(const char* b, const char* e) {
  return IsNumber({b, static_cast<size_t>(e - b)});
}

// Whole numbers in any spelling: 12, 12.0, 1.2e1. The high and the low half.
bool ParseHalves(const char* b, const char* e, int64_t* high, uint64_t* low) {
  uint8_t wide[16];
  if (!ParseDecimal128(b, e, 38, 0, wide)) return false;
  memcpy(low, wide, 8);
  memcpy(high, wide + 8, 8);
  return true;
}

// What the writer's non_finite = 'text' writes, and other spellings of it.
bool IsNonFinite(const char* b, const char* e) {
  const std::string_view text(b, static_cast<size_t>(e - b));
  for (const std::string_view word :
       {"NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "Inf", "-Inf"}) {
    if (text == word) return true;
  }
  return false;
}

// How JSON spells values. Text that holds a number is held to the same forms, and no
// digit is lost.
struct JsonFormatValues {
  using Cells = JsonCells;
  static bool Whole(const char* b, const char* e, int64_t* out) {
    if (!IsJsonNumber(b, e)) return false;
    if (ParseInt64(b, e, out)) return true;
    int64_t high;
    uint64_t low;
    if (!ParseHalves(b, e, &high, &low)) return false;
    *out = static_cast<int64_t>(low);
    return high == *out >> 63;
  }
  static bool Unsigned(const char* b, const char* e, uint64_t* out) {
    if (!IsJsonNumber(b, e)) return false;
    int64_t high;
    return ParseUInt64(b, e, out) || (ParseHalves(b, e, &high, out) && high == 0);
  }
  static bool Real(const char* b, const char* e, double* out) {
    return (IsJsonNumber(b, e) || IsNonFinite(b, e)) && ParseDouble(b, e, out);
  }
  static bool Float(const char* b, const char* e, float* out) {
    return (IsJsonNumber(b, e) || IsNonFinite(b, e)) && ParseFloat(b, e, out);
  }
  static bool Word(const char* b, const char* e, bool* out) {
    const std::string_view text(b, static_cast<size_t>(e - b));
    *out = text == "true";
    return *out || text == "false";
  }
  static bool Number(const char* b, const char* e) { return IsJsonNumber(b, e); }
  // Digits finer than the unit would be lost.
  static bool Scale(const Moment& moment, int64_t per_second, int64_t* out) {
    return moment.nanos % (1000000000 / per_second) == 0 &&
           ScaleMoment(moment, per_second, out);
  }
};

}  // namespace

Result<std::unique_ptr<JsonColumnParser>> MakeColumnParser(
    const arrow::Field& field, bool dictionary, const ColumnSettings& settings) {
  const auto& type = field.type();
  if (auto made = MakeStringParser<JsonCells>(type, dictionary, settings.pool)) {
    return made;
  }
  if (auto made = ValueParsers<JsonFormatValues>::Make(type, settings)) return made;
  return MakeNestedParser(field, settings);
}

}  // namespace millrace::formats::json
