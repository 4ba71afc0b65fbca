#include "millrace/formats/json/shape.h"

#include <arrow/type.h>

#include "millrace/formats/text_values.h"

namespace millrace::formats::json {

namespace {

// Kinds of values met, as bits.
enum Kind : uint32_t {
  kBool = 1,
  kInt = 2,       // fits 64 bits with a sign
  kUnsigned = 4,  // needs all 64 bits
  kNegative = 8,
  kReal = 16,
  kDate = 32,
  kTimestamp = 64,
  kZoned = 128,
  kText = 256,
  kObject = 512,
  kList = 1024,
};

constexpr int kMaxDepth = 64;
constexpr size_t kMaxFields = 1000;       // names that are data make no columns
constexpr int64_t kDictionaryRows = 128;  // fewer say nothing about repetition
constexpr int32_t kDictionaryEntries = 4096;

uint32_t KindOfNumber(std::string_view text) {
  const char* b = text.data();
  const char* e = b + text.size();
  if (!IsNumber(text)) return kText;
  if (text.find_first_of(".eE") != std::string_view::npos) {
    double real;
    return ParseDoubleSlow(b, e, &real) ? kReal : kText;
  }
  const uint32_t sign = text[0] == '-' ? uint32_t{kNegative} : 0;
  int64_t whole;
  if (ParseInt64Slow(b, e, &whole)) return kInt | sign;
  uint64_t wide;
  return ParseUInt64(b, e, &wide) ? kUnsigned : kText;
}

}  // namespace

Shape::Shape() = default;
Shape::~Shape() = default;

void Shape::Observe(const Tokens& tokens, uint32_t token, int depth) {
  switch (tokens.kind(token)) {
    case '{':
    case '[':
      if (depth >= kMaxDepth) {
        kinds_ |= kText;
      } else if (tokens.kind(token) == '{') {
        ObserveObject(tokens, token, depth);
      } else {
        ObserveList(tokens, token, depth);
      }
      break;
    case '"': ObserveString(tokens, Tokens::Inside(tokens.TextOf(token))); break;
    case 'n': break;
    case 't':
    case 'f': kinds_ |= kBool; break;
    default: kinds_ |= KindOfNumber(tokens.TextOf(token));
  }
}

void Shape::ObserveObject(const Tokens& tokens, uint32_t token, int depth) {
  kinds_ |= kObject;
  if (tokens.kind(token + 1) == '}') return;
  std::string name;
  for (uint32_t key = token + 1;;) {
    const std::string_view inside = Tokens::Inside(tokens.TextOf(key));
    name.resize(inside.size() + kPadding);
    const char* end = tokens.Unescape(inside.data(), name.data());
    name.resize(end == nullptr ? 0 : static_cast<size_t>(end - name.data()));
    auto [found, added] = by_name_.emplace(name, fields_.size());
    if (added) fields_.emplace_back(name, std::make_unique<Shape>());
    fields_[found->second].second->Observe(tokens, key + 2, depth + 1);
    if (depth > 0 && fields_.size() > kMaxFields) {
      kinds_ |= kText;
      return;
    }
    const uint32_t next = SkipValue(tokens, key + 2);
    if (tokens.kind(next) != ',') return;
    key = next + 1;
  }
}

void Shape::ObserveList(const Tokens& tokens, uint32_t token, int depth) {
  kinds_ |= kList;
  if (!element_) element_ = std::make_unique<Shape>();
  if (tokens.kind(token + 1) == ']') return;
  for (uint32_t value = token + 1;;) {
    element_->Observe(tokens, value, depth + 1);
    const uint32_t next = SkipValue(tokens, value);
    if (tokens.kind(next) != ',') return;
    value = next + 1;
  }
}

void Shape::ObserveString(const Tokens& tokens, std::string_view inside) {
  if (!distinct_) distinct_ = std::make_unique<TextDictionary>();
  if (distinct_->size() <= kDictionaryEntries) {
    distinct_->Find(inside.data(), inside.size());
    ++strings_;
  }
  if ((kinds_ & kText) != 0) return;
  const char* b = inside.data();
  const char* e = b + inside.size();
  Moment moment;
  if (inside.empty() || tokens.HasEscape(inside) || !ParseMoment(b, e, &moment) ||
      moment.nanos % 1000 != 0) {
    kinds_ |= kText;  // and so are times finer than a TIMESTAMP is
  } else {
    kinds_ |= moment.zoned ? kZoned : inside.size() == 10 ? kDate : kTimestamp;
  }
}

bool Shape::Repeats() const {
  return strings_ >= kDictionaryRows && distinct_->size() <= kDictionaryEntries &&
         int64_t{distinct_->size()} * 4 <= strings_;
}

std::vector<std::shared_ptr<arrow::Field>> Shape::Fields() const {
  std::vector<std::shared_ptr<arrow::Field>> out;
  for (const auto& [name, shape] : fields_) {
    out.push_back(arrow::field(name, shape->Type()));
  }
  return out;
}

std::shared_ptr<arrow::DataType> Shape::Type() const {
  auto only = [this](uint32_t allowed) { return (kinds_ & ~allowed) == 0; };
  if (kinds_ == 0) return arrow::utf8();
  if (only(kBool)) return arrow::boolean();
  if (only(kInt | kNegative)) return arrow::int64();
  if (only(kInt | kUnsigned)) return arrow::uint64();
  if (only(kInt | kNegative | kReal)) return arrow::float64();
  if (only(kDate)) return arrow::date32();
  if (only(kDate | kTimestamp)) return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (only(kZoned)) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  if (only(kObject) && !fields_.empty()) return arrow::struct_(Fields());
  if (only(kList)) return arrow::list(element_->Type());
  return arrow::utf8();
}

}  // namespace millrace::formats::json
