#include "millrace/formats/csv/column.h"

#include <array>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "millrace/formats/csv/errors.h"
#include "millrace/formats/csv/index.h"
#include "millrace/formats/text_values.h"
#include "millrace/formats/validity.h"

namespace millrace::formats::csv {

namespace {

enum class Prepared { kValue, kNull, kBad };

// Take a non-string field down to the text of its value: blanks, NULL spellings, quotes,
// escapes. `scratch` holds the text when it had to be changed.
Prepared Prepare(const Rows& rows, const Dialect& dialect, Field* field,
                 std::string* scratch) {
  if (field->end < field->begin) return Prepared::kNull;
  if (dialect.trim) *field = Trimmed(*field);
  if (field->begin == field->end) {
    return dialect.empty_is_null ? Prepared::kNull : Prepared::kBad;
  }
  if (dialect.IsNullSpelling(field->view())) return Prepared::kNull;
  const bool quoted = IsQuoted(*field, dialect) && field->size() >= 2;
  if (quoted) {
    ++field->begin;
    --field->end;
    if (field->begin == field->end) {
      return dialect.quoted_empty_is_null ? Prepared::kNull : Prepared::kBad;
    }
  }
  if (rows.unescape) {
    // Padded like the input: value parsers load whole words.
    scratch->assign(kPadding + field->size() + kPadding, '\0');
    char* begin = scratch->data() + kPadding;
    *field = Field{begin, Unescape(*field, quoted, dialect, begin)};
    if (field->begin == field->end) return Prepared::kBad;
  }
  return Prepared::kValue;
}

// store(row, b, e) answers whether the text is a value, and keeps it; null(row) is called
// for NULLs.
template <class Store, class Null>
void ParseFields(const Rows& rows, const Dialect& dialect, int column,
                 std::vector<BadField>* bad, Store&& store, Null&& null) {
  std::string scratch;
  auto slow = [&](int64_t row, Field field) __attribute__((noinline)) {
    switch (Prepare(rows, dialect, &field, &scratch)) {
      case Prepared::kNull: null(row); return;
      case Prepared::kValue:
        if (store(row, field.begin, field.end)) return;
        [[fallthrough]];
      case Prepared::kBad: bad->push_back({row, column, &errors::kCsvBadValue});
    }
  };
  if (dialect.plain_fields()) {
    ForEachField(rows, dialect, column, [&](int64_t row, Field field)
                                            __attribute__((always_inline)) {
      if (field.end <= field.begin || !store(row, field.begin, field.end)) [[unlikely]] {
        slow(row, field);
      }
    });
  } else {
    ForEachField(rows, dialect, column, slow);
  }
}

// Types of fixed width: `Text` is a callable (b, e, T*) → bool, copied for every batch.
template <class T, class Text>
class FixedParser final : public ColumnParser {
 public:
  FixedParser(std::shared_ptr<arrow::DataType> type, const Dialect& dialect,
              arrow::MemoryPool* pool, Text parse)
      : type_(std::move(type)), dialect_(dialect), pool_(pool), parse_(parse) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Rows& rows, int column,
                                              std::vector<BadField>* bad) override {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> values,
        arrow::AllocateBuffer(rows.count * static_cast<int64_t>(sizeof(T)), pool_));
    T* out = reinterpret_cast<T*>(values->mutable_data());
    Validity validity(rows.count, pool_);
    Text parse = parse_;
    ParseFields(
        rows, dialect_, column, bad,
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
        arrow::ArrayData::Make(type_, rows.count, {bitmap, values}, nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  const Dialect& dialect_;
  arrow::MemoryPool* pool_;
  Text parse_;
};

class BoolParser final : public ColumnParser {
 public:
  BoolParser(const Dialect& dialect, arrow::MemoryPool* pool)
      : dialect_(dialect), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Rows& rows, int column,
                                              std::vector<BadField>* bad) override {
    const int64_t size = (rows.count + 7) / 8;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                          arrow::AllocateBuffer(size, pool_));
    uint8_t* out = values->mutable_data();
    memset(out, 0, static_cast<size_t>(size));
    Validity validity(rows.count, pool_);
    ParseFields(
        rows, dialect_, column, bad,
        [&](int64_t row, const char* b, const char* e) {
          bool value = false;
          const bool good = ParseBool(b, e, &value);
          out[row >> 3] |= static_cast<uint8_t>(value << (row & 7));
          return good;
        },
        [&](int64_t row) { validity.SetNull(row); });
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(
        arrow::ArrayData::Make(arrow::boolean(), rows.count, {bitmap, values}, nulls));
  }

 private:
  const Dialect& dialect_;
  arrow::MemoryPool* pool_;
};

// Rare types, by Arrow's own conversion from text.
class GenericParser final : public ColumnParser {
 public:
  GenericParser(std::shared_ptr<arrow::DataType> type, const Dialect& dialect,
                arrow::MemoryPool* pool)
      : type_(std::move(type)), dialect_(dialect), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Rows& rows, int column,
                                              std::vector<BadField>* bad) override {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(pool_, type_, &builder));
    ARROW_RETURN_NOT_OK(builder->Reserve(rows.count));
    Status status;
    auto append = [&](const Status& appended) {
      if (status.ok()) status = appended;
    };
    ParseFields(
        rows, dialect_, column, bad,
        [&](int64_t row, const char* b, const char* e) {
          auto scalar = arrow::Scalar::Parse(
              type_, std::string_view(b, static_cast<size_t>(e - b)));
          if (!scalar.ok()) return false;
          append(builder->AppendNulls(row - builder->length()));
          append(builder->AppendScalar(**scalar));
          return true;
        },
        [&](int64_t row) { append(builder->AppendNulls(row + 1 - builder->length())); });
    append(builder->AppendNulls(rows.count - builder->length()));
    ARROW_RETURN_NOT_OK(status);
    return builder->Finish();
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  const Dialect& dialect_;
  arrow::MemoryPool* pool_;
};

// A parser as a type of its own: through a pointer it would not be inlined.
template <class T, bool (*kParse)(const char*, const char*, T*)>
struct Inlined {
  [[gnu::always_inline]] bool operator()(const char* b, const char* e, T* out) const {
    return kParse(b, e, out);
  }
};

template <class T, class Text>
std::unique_ptr<ColumnParser> Fixed(std::shared_ptr<arrow::DataType> type,
                                    const Dialect& dialect, arrow::MemoryPool* pool,
                                    Text parse) {
  return std::make_unique<FixedParser<T, Text>>(std::move(type), dialect, pool, parse);
}

template <class T>
std::unique_ptr<ColumnParser> Integer(std::shared_ptr<arrow::DataType> type,
                                      const Dialect& dialect, arrow::MemoryPool* pool) {
  return Fixed<T>(std::move(type), dialect, pool,
                  [](const char* b, const char* e, T* out) {
                    int64_t wide;
                    if (!ParseInt64(b, e, &wide)) return false;
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

std::unique_ptr<ColumnParser> Timestamp(std::shared_ptr<arrow::DataType> type,
                                        const Dialect& dialect, arrow::MemoryPool* pool) {
  const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
  const int64_t per_second = PerSecond(timestamp.unit());
  // Text with a zone has no meaning in a column without one; text without is UTC.
  const bool zoned = !timestamp.timezone().empty();
  if (!dialect.timestamp_format.empty()) {
    return Fixed<int64_t>(
        type, dialect, pool,
        [format = std::string_view(dialect.timestamp_format), per_second, zoned](
            const char* b, const char* e, int64_t* out) {
          Moment moment;
          return (ParseMomentAs(format, b, e, &moment) || ParseMoment(b, e, &moment)) &&
                 (zoned || !moment.zoned) && ScaleMoment(moment, per_second, out);
        });
  }
  return Fixed<int64_t>(
      type, dialect, pool,
      [micros = per_second == 1000000, per_second, zoned](
          const char* b, const char* e, int64_t* out) __attribute__((always_inline)) {
        if (micros && ParsePlainTimestamp(b, e, zoned, out)) [[likely]]
          return true;
        Moment moment;
        return ParseMoment(b, e, &moment) && (zoned || !moment.zoned) &&
               ScaleMoment(moment, per_second, out);
      });
}

// The first kBytes of a wide decimal are the narrow one, because the value fits.
template <size_t kBytes>
std::unique_ptr<ColumnParser> Decimal(std::shared_ptr<arrow::DataType> type,
                                      const Dialect& dialect, arrow::MemoryPool* pool,
                                      bool (*parse)(const char*, const char*, int32_t,
                                                    int32_t, uint8_t*)) {
  const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
  using Bytes = std::array<uint8_t, kBytes>;
  return Fixed<Bytes>(type, dialect, pool,
                      [parse, precision = decimal.precision(), scale = decimal.scale()](
                          const char* b, const char* e, Bytes* out) {
                        uint8_t wide[32];
                        if (!parse(b, e, precision, scale, wide)) return false;
                        memcpy(out->data(), wide, kBytes);
                        return true;
                      });
}

template <class T>
std::unique_ptr<ColumnParser> Time(std::shared_ptr<arrow::DataType> type,
                                   arrow::TimeUnit::type unit, const Dialect& dialect,
                                   arrow::MemoryPool* pool) {
  return Fixed<T>(
      std::move(type), dialect, pool,
      [per_second = PerSecond(unit)](const char* b, const char* e, T* out) {
        Moment moment;
        int64_t wide;
        if (!ParseTime(b, e, &moment) || !ScaleMoment(moment, per_second, &wide)) {
          return false;
        }
        *out = static_cast<T>(wide);
        return true;
      });
}

}  // namespace

Result<std::unique_ptr<ColumnParser>> MakeColumnParser(const arrow::Field& field,
                                                       const Dialect& dialect,
                                                       bool dictionary,
                                                       arrow::MemoryPool* pool) {
  const auto& type = field.type();
  switch (type->id()) {
    case arrow::Type::BOOL: return std::make_unique<BoolParser>(dialect, pool);
    case arrow::Type::INT8: return Integer<int8_t>(type, dialect, pool);
    case arrow::Type::INT16: return Integer<int16_t>(type, dialect, pool);
    case arrow::Type::INT32: return Integer<int32_t>(type, dialect, pool);
    case arrow::Type::INT64:
      return Fixed<int64_t>(type, dialect, pool, Inlined<int64_t, ParseInt64>());
    case arrow::Type::UINT8: return Integer<uint8_t>(type, dialect, pool);
    case arrow::Type::UINT16: return Integer<uint16_t>(type, dialect, pool);
    case arrow::Type::UINT32: return Integer<uint32_t>(type, dialect, pool);
    case arrow::Type::UINT64:
      return Fixed<uint64_t>(type, dialect, pool, Inlined<uint64_t, ParseUInt64>());
    case arrow::Type::FLOAT:
      return Fixed<float>(type, dialect, pool, Inlined<float, ParseFloat>());
    case arrow::Type::DOUBLE:
      return Fixed<double>(type, dialect, pool, Inlined<double, ParseDouble>());
    case arrow::Type::DATE32:
      return Fixed<int32_t>(type, dialect, pool, Inlined<int32_t, ParseDate>());
    case arrow::Type::DATE64:
      return Fixed<int64_t>(type, dialect, pool,
                            [](const char* b, const char* e, int64_t* out) {
                              int32_t days;
                              if (!ParseDate(b, e, &days)) return false;
                              *out = int64_t{days} * 86400000;
                              return true;
                            });
    case arrow::Type::TIMESTAMP: return Timestamp(type, dialect, pool);
    case arrow::Type::TIME32:
      return Time<int32_t>(type, static_cast<const arrow::Time32Type&>(*type).unit(),
                           dialect, pool);
    case arrow::Type::TIME64:
      return Time<int64_t>(type, static_cast<const arrow::Time64Type&>(*type).unit(),
                           dialect, pool);
    case arrow::Type::DECIMAL32: return Decimal<4>(type, dialect, pool, ParseDecimal128);
    case arrow::Type::DECIMAL64: return Decimal<8>(type, dialect, pool, ParseDecimal128);
    case arrow::Type::DECIMAL128:
      return Decimal<16>(type, dialect, pool, ParseDecimal128);
    case arrow::Type::DECIMAL256:
      return Decimal<32>(type, dialect, pool, ParseDecimal256);
    case arrow::Type::STRING:
      if (dictionary) return MakeDictionaryParser(dialect, pool);
      return MakeStringParser(type, dialect, pool);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY: return MakeStringParser(type, dialect, pool);
    case arrow::Type::DURATION:
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::NA: return std::make_unique<GenericParser>(type, dialect, pool);
    default:
      return errors::kCsvUnsupportedType.Make({.column = field.name()}, "{}",
                                              type->ToString());
  }
}

}  // namespace millrace::formats::csv
