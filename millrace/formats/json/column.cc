#include "millrace/formats/json/column.h"

#include <array>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/formats/input.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/text_values.h"
#include "millrace/formats/validity.h"

namespace millrace::formats::json {

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
          .text = fmt::format("{} is no {}", Excerpt(text), type.ToString())};
}

namespace {

/// Which values a type is parsed from.
enum class From {
  kNumber,        // numbers
  kNumberOrText,  // numbers, and strings that hold what a number could
  kText,          // strings
};

// store(row, b, e) answers whether the text is a value, and keeps it; null(row) is called
// for NULLs. Numbers begin with a digit or a minus when store sees them.
template <From kFrom, class Store, class Null>
[[gnu::always_inline]] inline void ParseCells(const Tokens& tokens, const Cells& cells,
                                              const arrow::DataType& type,
                                              std::vector<BadValue>* bad, Store&& store,
                                              Null&& null) {
  std::string scratch;
  auto slow = [&](int64_t row, uint32_t token) {
    const std::string_view text = tokens.TextOf(token);
    if (text == "null") {
      null(row);
      return;
    }
    if (kFrom != From::kNumber && text[0] == '"' && text.size() > 2) {
      std::string_view inside = Tokens::Inside(text);
      if (tokens.HasEscape(inside)) {
        // Padded like the input: value parsers load whole words.
        scratch.assign(kPadding + inside.size() + kPadding, '\0');
        char* begin = scratch.data() + kPadding;
        const char* end = tokens.Unescape(inside.data(), begin);
        inside = {begin, end == nullptr ? 0 : static_cast<size_t>(end - begin)};
      }
      if (!inside.empty() && store(row, inside.data(), inside.data() + inside.size())) {
        return;
      }
    }
    bad->push_back(MakeBadValue(tokens, row, token, type));
  };
  for (int64_t row = 0; row < cells.count; ++row) {
    const uint32_t token = cells[row];
    if (token == 0) [[unlikely]] {
      null(row);
      continue;
    }
    const char* b = tokens.data + tokens.at[token];
    const char* e = tokens.data + tokens.at[token + 1];
    while (Tokens::IsSpace(e[-1])) [[unlikely]]-- e;
    if constexpr (kFrom == From::kText) {
      if (*b == '"' && e - b > 2 && store(row, b + 1, e - 1)) [[likely]]
        continue;
    } else {
      if ((static_cast<unsigned char>(*b - '0') <= 9 || *b == '-') && store(row, b, e))
          [[likely]]
        continue;
    }
    slow(row, token);
  }
}

// Types of fixed width: `Text` is a callable (b, e, T*) → bool, copied for every batch.
template <class T, From kFrom, class Text>
class FixedParser final : public ColumnParser {
 public:
  FixedParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool, Text parse)
      : type_(std::move(type)), pool_(pool), parse_(parse) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Tokens& tokens, const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> values,
        arrow::AllocateBuffer(cells.count * static_cast<int64_t>(sizeof(T)), pool_));
    T* out = reinterpret_cast<T*>(values->mutable_data());
    Validity validity(cells.count, pool_);
    Text parse = parse_;
    ParseCells<kFrom>(
        tokens, cells, *type_, bad,
        [&](int64_t row, const char* b, const char* e) __attribute__((always_inline)) {
          T value{};
          const bool good = parse(b, e, &value);
          out[row] = value;
          return good;
        },
        [&](int64_t row) {
          out[row] = T{};
          validity.SetNull(row);
        });
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(
        arrow::ArrayData::Make(type_, cells.count, {bitmap, values}, nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  arrow::MemoryPool* pool_;
  Text parse_;
};

class BoolParser final : public ColumnParser {
 public:
  explicit BoolParser(const ColumnSettings& settings) : settings_(settings) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Tokens& tokens, const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    const int64_t size = (cells.count + 7) / 8;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                          arrow::AllocateBuffer(size, settings_.pool));
    uint8_t* out = values->mutable_data();
    memset(out, 0, static_cast<size_t>(size));
    Validity validity(cells.count, settings_.pool);
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      std::string_view text = token == 0 ? "null" : tokens.TextOf(token);
      if (text == "null") {
        validity.SetNull(row);
        continue;
      }
      if (settings_.declared && text[0] == '"') text = Tokens::Inside(text);
      const bool value = text == "true";
      out[row >> 3] |= static_cast<uint8_t>(value << (row & 7));
      if (!value && text != "false") {
        bad->push_back(MakeBadValue(tokens, row, token, *arrow::boolean()));
      }
    }
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(
        arrow::ArrayData::Make(arrow::boolean(), cells.count, {bitmap, values}, nulls));
  }

 private:
  ColumnSettings settings_;
};

// Rare types, by Arrow's own conversion from text.
class GenericParser final : public ColumnParser {
 public:
  GenericParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Tokens& tokens, const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(pool_, type_, &builder));
    ARROW_RETURN_NOT_OK(builder->Reserve(cells.count));
    Status status;
    auto append = [&](const Status& appended) {
      if (status.ok()) status = appended;
    };
    ParseCells<From::kNumberOrText>(
        tokens, cells, *type_, bad,
        [&](int64_t row, const char* b, const char* e) {
          auto scalar = arrow::Scalar::Parse(
              type_, std::string_view(b, static_cast<size_t>(e - b)));
          if (!scalar.ok()) return false;
          append(builder->AppendNulls(row - builder->length()));
          append(builder->AppendScalar(**scalar));
          return true;
        },
        [&](int64_t row) { append(builder->AppendNulls(row + 1 - builder->length())); });
    append(builder->AppendNulls(cells.count - builder->length()));
    ARROW_RETURN_NOT_OK(status);
    return builder->Finish();
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  arrow::MemoryPool* pool_;
};

template <class T, From kFrom, class Text>
std::unique_ptr<ColumnParser> Fixed(std::shared_ptr<arrow::DataType> type,
                                    arrow::MemoryPool* pool, Text parse) {
  return std::make_unique<FixedParser<T, kFrom, Text>>(std::move(type), pool, parse);
}

// A type's parser, from text too when the type was declared.
template <class T, class Text>
std::unique_ptr<ColumnParser> Numeric(std::shared_ptr<arrow::DataType> type,
                                      const ColumnSettings& settings, Text parse) {
  if (settings.declared) {
    return Fixed<T, From::kNumberOrText>(std::move(type), settings.pool, parse);
  }
  return Fixed<T, From::kNumber>(std::move(type), settings.pool, parse);
}

bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

// No plus, no zeros in front: what the parsers of numbers would let pass.
[[gnu::always_inline]] inline bool BeginsWell(const char* b, const char* e) {
  b += *b == '-';
  return IsDigit(*b) && (*b != '0' || e - b == 1 || !IsDigit(b[1]));
}

// Whole numbers in any spelling: 12, 12.0, 1.2e1.
[[gnu::noinline]] bool ParseWholeSlow(const char* b, const char* e, int64_t* out) {
  uint8_t wide[16];
  if (!IsNumber({b, static_cast<size_t>(e - b)}) || !ParseDecimal128(b, e, 38, 0, wide)) {
    return false;
  }
  int64_t high;
  memcpy(out, wide, 8);
  memcpy(&high, wide + 8, 8);
  return high == *out >> 63;
}

[[gnu::always_inline]] inline bool ParseWhole(const char* b, const char* e,
                                              int64_t* out) {
  if (BeginsWell(b, e) && ParseInt64(b, e, out)) [[likely]]
    return true;
  return ParseWholeSlow(b, e, out);
}

bool ParseUnsigned(const char* b, const char* e, uint64_t* out) {
  uint8_t wide[16];
  if (!IsNumber({b, static_cast<size_t>(e - b)})) return false;
  if (ParseUInt64(b, e, out)) return true;
  uint64_t high;
  if (!ParseDecimal128(b, e, 38, 0, wide)) return false;
  memcpy(out, wide, 8);
  memcpy(&high, wide + 8, 8);
  return high == 0;
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

[[gnu::noinline]] bool ParseRealSlow(const char* b, const char* e, double* out) {
  return (IsNumber({b, static_cast<size_t>(e - b)}) || IsNonFinite(b, e)) &&
         ParseDoubleSlow(b, e, out);
}

[[gnu::always_inline]] inline bool ParseReal(const char* b, const char* e, double* out) {
  if (BeginsWell(b, e) && e[-1] != '.' && ParsePlainDouble(b, e, out)) [[likely]] {
    return true;
  }
  return ParseRealSlow(b, e, out);
}

template <class T>
std::unique_ptr<ColumnParser> Integer(std::shared_ptr<arrow::DataType> type,
                                      const ColumnSettings& settings) {
  return Numeric<T>(std::move(type), settings, [](const char* b, const char* e, T* out) {
    int64_t wide;
    if (!ParseWhole(b, e, &wide)) return false;
    *out = static_cast<T>(wide);
    return static_cast<int64_t>(*out) == wide;
  });
}

// Units of a second that one step of a time type stands for.
int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLI: return 1000;
    case arrow::TimeUnit::MICRO: return 1000000;
    case arrow::TimeUnit::NANO: return 1000000000;
  }
  return 1;
}

// Digits finer than the unit would be lost.
bool ScaleExactly(const Moment& moment, int64_t per_second, int64_t* out) {
  return moment.nanos % (1000000000 / per_second) == 0 &&
         ScaleMoment(moment, per_second, out);
}

std::unique_ptr<ColumnParser> Timestamp(std::shared_ptr<arrow::DataType> type,
                                        const ColumnSettings& settings) {
  const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
  const int64_t per_second = PerSecond(timestamp.unit());
  // Text with a zone has no meaning in a column without one; text without is UTC.
  const bool zoned = !timestamp.timezone().empty();
  return Fixed<int64_t, From::kText>(
      type, settings.pool,
      [micros = per_second == 1000000, per_second, zoned](
          const char* b, const char* e, int64_t* out) __attribute__((always_inline)) {
        if (micros && ParsePlainTimestamp(b, e, zoned, out)) [[likely]]
          return true;
        Moment moment;
        return ParseMoment(b, e, &moment) && (zoned || !moment.zoned) &&
               ScaleExactly(moment, per_second, out);
      });
}

// The first kBytes of a wide decimal are the narrow one, because the value fits. From
// text always: numbers of this size mostly travel in quotes.
template <size_t kBytes>
std::unique_ptr<ColumnParser> Decimal(std::shared_ptr<arrow::DataType> type,
                                      const ColumnSettings& settings,
                                      bool (*parse)(const char*, const char*, int32_t,
                                                    int32_t, uint8_t*)) {
  const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
  using Bytes = std::array<uint8_t, kBytes>;
  return Fixed<Bytes, From::kNumberOrText>(
      type, settings.pool,
      [parse, precision = decimal.precision(), scale = decimal.scale()](
          const char* b, const char* e, Bytes* out) {
        uint8_t wide[32];
        if (!IsNumber({b, static_cast<size_t>(e - b)}) ||
            !parse(b, e, precision, scale, wide)) {
          return false;
        }
        memcpy(out->data(), wide, kBytes);
        return true;
      });
}

template <class T>
std::unique_ptr<ColumnParser> Time(std::shared_ptr<arrow::DataType> type,
                                   arrow::TimeUnit::type unit,
                                   const ColumnSettings& settings) {
  return Fixed<T, From::kText>(
      std::move(type), settings.pool,
      [per_second = PerSecond(unit)](const char* b, const char* e, T* out) {
        Moment moment;
        int64_t wide;
        if (!ParseTime(b, e, &moment) || !ScaleExactly(moment, per_second, &wide)) {
          return false;
        }
        *out = static_cast<T>(wide);
        return true;
      });
}

}  // namespace

Result<std::unique_ptr<ColumnParser>> MakeColumnParser(const arrow::Field& field,
                                                       bool dictionary,
                                                       const ColumnSettings& settings) {
  const auto& type = field.type();
  switch (type->id()) {
    case arrow::Type::BOOL: return std::make_unique<BoolParser>(settings);
    case arrow::Type::INT8: return Integer<int8_t>(type, settings);
    case arrow::Type::INT16: return Integer<int16_t>(type, settings);
    case arrow::Type::INT32: return Integer<int32_t>(type, settings);
    case arrow::Type::INT64: return Integer<int64_t>(type, settings);
    case arrow::Type::UINT8: return Integer<uint8_t>(type, settings);
    case arrow::Type::UINT16: return Integer<uint16_t>(type, settings);
    case arrow::Type::UINT32: return Integer<uint32_t>(type, settings);
    case arrow::Type::UINT64: return Numeric<uint64_t>(type, settings, ParseUnsigned);
    case arrow::Type::FLOAT:
      return Numeric<float>(type, settings, [](const char* b, const char* e, float* out) {
        return (IsNumber({b, static_cast<size_t>(e - b)}) || IsNonFinite(b, e)) &&
               ParseFloat(b, e, out);
      });
    case arrow::Type::DOUBLE:
      return Numeric<double>(
          type, settings,
          [](const char* b, const char* e, double* out)
              __attribute__((always_inline)) { return ParseReal(b, e, out); });
    case arrow::Type::DATE32:
      return Fixed<int32_t, From::kText>(type, settings.pool, ParseDate);
    case arrow::Type::DATE64:
      return Fixed<int64_t, From::kText>(type, settings.pool,
                                         [](const char* b, const char* e, int64_t* out) {
                                           int32_t days;
                                           if (!ParseDate(b, e, &days)) return false;
                                           *out = int64_t{days} * 86400000;
                                           return true;
                                         });
    case arrow::Type::TIMESTAMP: return Timestamp(type, settings);
    case arrow::Type::TIME32:
      return Time<int32_t>(type, static_cast<const arrow::Time32Type&>(*type).unit(),
                           settings);
    case arrow::Type::TIME64:
      return Time<int64_t>(type, static_cast<const arrow::Time64Type&>(*type).unit(),
                           settings);
    case arrow::Type::DECIMAL32: return Decimal<4>(type, settings, ParseDecimal128);
    case arrow::Type::DECIMAL64: return Decimal<8>(type, settings, ParseDecimal128);
    case arrow::Type::DECIMAL128: return Decimal<16>(type, settings, ParseDecimal128);
    case arrow::Type::DECIMAL256: return Decimal<32>(type, settings, ParseDecimal256);
    case arrow::Type::STRING:
      if (dictionary) return MakeDictionaryParser(settings.pool);
      return MakeStringParser(type, settings.pool);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY: return MakeStringParser(type, settings.pool);
    case arrow::Type::DURATION:
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::NA: return std::make_unique<GenericParser>(type, settings.pool);
    default: return MakeNestedParser(field, settings);
  }
}

}  // namespace millrace::formats::json
