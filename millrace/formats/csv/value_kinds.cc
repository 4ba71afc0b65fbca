#include "millrace/formats/csv/value_kinds.h"

#include <cstring>

#include <arrow/type.h>

#include "millrace/formats/csv/index.h"
#include "millrace/formats/text_values.h"

namespace millrace::formats::csv {

namespace {

// Kinds of values met in a column, as bits.
enum Kind : uint32_t {
  kNothing = 0,
  kBool = 1,
  kInt = 2,
  kReal = 4,
  kRealWord = 8,  // nan, inf
  kDate = 16,
  kTimestamp = 32,
  kZoned = 64,
  kText = 128,
};

constexpr int64_t kDictionaryRows = 128;  // fewer say nothing about repetition
constexpr int32_t kDictionaryEntries = 4096;

// kText for what is no number.
Kind NumberKindOf(const char* b, const char* e) {
  const std::string_view text(b, static_cast<size_t>(e - b));
  int64_t whole;
  if (ParseInt64(b, e, &whole)) return kInt;
  const bool digits =
      text.find_first_not_of("0123456789", text[0] == '-' || text[0] == '+') ==
      std::string_view::npos;
  double real;
  if (digits || !ParseDouble(b, e, &real)) return kText;
  return text.find_first_of("0123456789") == std::string_view::npos ? kRealWord : kReal;
}

Kind KindOf(std::string_view text, const Dialect& dialect) {
  if (text.empty() || text.size() > 64) return kText;
  // Value parsers read around the text.
  char padded[kPadding * 3] = {};
  char* b = padded + kPadding;
  memcpy(b, text.data(), text.size());
  const char* e = b + text.size();
  Moment moment;
  if (!dialect.timestamp_format.empty() &&
      ParseMomentAs(dialect.timestamp_format, b, e, &moment)) {
    return moment.zoned ? kZoned : kTimestamp;
  }
  if (dialect.numbers.plain()) {
    if (const Kind kind = NumberKindOf(b, e); kind != kText) return kind;
  } else {
    char number[kPadding * 3] = {};
    const char* end = PlainNumber(dialect.numbers, b, e, number + kPadding);
    if (end != nullptr) {
      if (const Kind kind = NumberKindOf(number + kPadding, end); kind != kText) {
        return kind;
      }
    }
  }
  bool flag;
  if (text.size() >= 4 && ParseBool(b, e, &flag)) return kBool;
  if (ParseMoment(b, e, &moment)) {
    return moment.zoned ? kZoned : text.size() == 10 ? kDate : kTimestamp;
  }
  return kText;
}

}  // namespace

bool IsTyped(std::string_view text, const Dialect& dialect) {
  return KindOf(text, dialect) != kText;
}

void ValueKinds::Observe(std::string* text, const Dialect& dialect) {
  if (!text->empty() && !dialect.all_varchar && (kinds_ & kText) == 0) {
    kinds_ |= KindOf(*text, dialect);
  }
  if (distinct_.size() > kDictionaryEntries) return;
  const size_t size = text->size();
  text->resize(size + TextDictionary::kReadable);
  distinct_.Find(text->data(), size);
  ++values_;
}

bool ValueKinds::repeats() const {
  return values_ >= kDictionaryRows && distinct_.size() <= kDictionaryEntries &&
         distinct_.size() * 4 <= values_;
}

std::shared_ptr<arrow::DataType> ValueKinds::type() const {
  auto only = [this](uint32_t allowed) { return (kinds_ & ~allowed) == 0; };
  if (kinds_ == kNothing) return arrow::utf8();
  if (only(kBool)) return arrow::boolean();
  if (only(kInt)) return arrow::int64();
  if (only(kInt | kReal | kRealWord) && !only(kRealWord)) return arrow::float64();
  if (only(kDate)) return arrow::date32();
  if (only(kDate | kTimestamp)) return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (only(kZoned)) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  return arrow::utf8();
}

}  // namespace millrace::formats::csv
