// Columns of values of fixed width, for every text format.
//
// A `Format` names its Cells and how it spells values:
//
//   struct Format {
//     using Cells = …;
//     static bool Whole(const char* b, const char* e, int64_t* out);   // and Unsigned,
//     static bool Real(const char* b, const char* e, double* out);     // Float, Word
//     static bool Number(const char* b, const char* e);  // may an exact decimal be that?
//     static bool Scale(const Moment&, int64_t per_second, int64_t* out);
//   };
//
// Its Cells find texts:
//
//   struct Cells {
//     int64_t count;
//     // May ForEachPlain be asked? If not, every cell goes through Find. `in_digits`:
//     // only for values that are spelled in digits.
//     bool plain(bool in_digits) const;
//     // put(i, b, e) for the cells from + i, 0 <= i < n. The text of a value, or one
//     // that no parser takes (an empty one, say) where that is not simply told.
//     template <CellKind> void ForEachPlain(int64_t from, int64_t n, Put&&) const;
//     // All the care that a cell needs. `scratch` may hold the text.
//     template <CellKind> Found Find(int64_t row, std::string* scratch, const char** b,
//                                    const char** e) const;
//     BadValue Bad(int64_t row, const arrow::DataType&) const;
//   };
#pragma once

#include <array>
#include <bit>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/formats/text/column.h"
#include "millrace/formats/text/plain_values.h"
#include "millrace/formats/text_values.h"
#include "millrace/formats/validity.h"

namespace millrace::formats {

// Cells that are no plain value: parse(row, b, e) answers whether the text is one, and
// keeps it; null(row) is called for NULLs.
template <CellKind kKind, class Cells, class Store, class Null>
[[gnu::noinline]] void StoreWithCare(const Cells& cells, int64_t row,
                                     const arrow::DataType& type, std::string* scratch,
                                     std::vector<BadValue>* bad, Store&& store,
                                     Null&& null) {
  const char *b, *e;
  switch (cells.template Find<kKind>(row, scratch, &b, &e)) {
    case Found::kNull: null(row); return;
    case Found::kValue:
      if (store(row, b, e)) return;
      [[fallthrough]];
    case Found::kBad: bad->push_back(cells.Bad(row, type));
  }
}

template <CellKind kKind, class Cells, class Store, class Null>
[[gnu::always_inline]] inline void StoreCells(const Cells& cells,
                                              const arrow::DataType& type,
                                              std::vector<BadValue>* bad, Store&& store,
                                              Null&& null) {
  std::string scratch;
  if (!cells.plain(/*in_digits=*/kKind == CellKind::kTime)) {
    for (int64_t row = 0; row < cells.count; ++row) {
      StoreWithCare<kKind>(cells, row, type, &scratch, bad, store, null);
    }
    return;
  }
  cells.template ForEachPlain<kKind>(
      0, cells.count,
      [&](int64_t row, const char* b, const char* e) __attribute__((always_inline)) {
        if (e <= b || !store(row, b, e)) [[unlikely]] {
          StoreWithCare<kKind>(cells, row, type, &scratch, bad, store, null);
        }
      });
}

// `Text` is a callable (b, e, T*) → bool, copied for every batch.
template <class Cells, CellKind kKind, class T, class Text>
class FixedParser final : public ColumnParser<Cells> {
 public:
  FixedParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool, Text parse)
      : type_(std::move(type)), pool_(pool), parse_(parse) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> values,
        arrow::AllocateBuffer(cells.count * static_cast<int64_t>(sizeof(T)), pool_));
    T* out = reinterpret_cast<T*>(values->mutable_data());
    Validity validity(cells.count, pool_);
    Text parse = parse_;
    StoreCells<kKind>(
        cells, *type_, bad,
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
    return validity.Finish(type_, cells.count, {values});
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  arrow::MemoryPool* pool_;
  Text parse_;
};

// Types that a kernel knows in their plain form; `parse` knows every form.
template <class Cells, CellKind kKind, class T, class Kernel, class Text>
class PlainParser final : public ColumnParser<Cells> {
 public:
  PlainParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool,
              Kernel kernel, Text parse)
      : type_(std::move(type)), pool_(pool), kernel_(kernel), parse_(parse) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    using Wide = typename Kernel::Value;
    // Kernels write whole vectors, and Arrow's buffers are as long as these.
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> values,
        arrow::AllocateBuffer(cells.count * static_cast<int64_t>(sizeof(T)), pool_));
    T* out = reinterpret_cast<T*>(values->mutable_data());
    Validity validity(cells.count, pool_);
    std::string scratch;
    auto with_care = [&](int64_t row) {
      StoreWithCare<kKind>(
          cells, row, *type_, &scratch, bad,
          [&](int64_t at, const char* b, const char* e) {
            Wide value{};
            const bool good = parse_(b, e, &value);
            out[at] = static_cast<T>(value);
            return good &&
                   (std::is_same_v<T, Wide> || static_cast<Wide>(out[at]) == value);
          },
          [&](int64_t at) {
            out[at] = T{};
            validity.SetNull(at);
          });
    };
    PlainBatch batch;
    const int64_t plain = cells.plain(/*in_digits=*/true) ? cells.count : 0;
    for (int64_t from = 0; from < plain; from += PlainBatch::kSize) {
      const int64_t count = std::min(PlainBatch::kSize, plain - from);
      cells.template ForEachPlain<kKind>(
          from, count,
          [&](int64_t i, const char* b, const char* e)
              __attribute__((always_inline)) { kernel_.Put(&batch, i, b, e); });
      if constexpr (std::is_same_v<T, Wide>) {
        kernel_.Run(&batch, count, out + from);
      } else {
        Wide wide[PlainBatch::kSize];
        kernel_.Run(&batch, count, wide);
        for (int64_t i = 0; i < count; ++i) {
          out[from + i] = static_cast<T>(wide[i]);
          const uint64_t odd = static_cast<Wide>(out[from + i]) != wide[i];
          batch.odd[i / 64] |= odd << (i % 64);
        }
      }
      for (int64_t i = 0; i < count; i += 64) {
        for (uint64_t odd = batch.odd[i / 64]; odd != 0; odd &= odd - 1) {
          with_care(from + i + std::countr_zero(odd));
        }
      }
    }
    for (int64_t row = plain; row < cells.count; ++row) with_care(row);
    return validity.Finish(type_, cells.count, {values});
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  arrow::MemoryPool* pool_;
  Kernel kernel_;
  Text parse_;
};

// A parser as a type of its own: through a pointer it would not be inlined.
template <class T, bool (*kParse)(const char*, const char*, T*)>
struct Inlined {
  [[gnu::always_inline]] bool operator()(const char* b, const char* e, T* out) const {
    return kParse(b, e, out);
  }
};

template <class T, void (*kRun)(PlainBatch*, int64_t, T*)>
struct NumberKernel {
  using Value = T;
  [[gnu::always_inline]] void Put(PlainBatch* batch, int64_t i, const char* b,
                                  const char* e) const {
    batch->PutNumber(i, b, e);
  }
  void Run(PlainBatch* batch, int64_t count, T* out) const { kRun(batch, count, out); }
};

struct TimestampKernel {
  using Value = int64_t;
  bool zoned;  ///< a 'Z' may stand behind
  [[gnu::always_inline]] void Put(PlainBatch* batch, int64_t i, const char* b,
                                  const char* e) const {
    batch->PutTimestamp(i, b, e - (zoned & (e[-1] == 'Z')));
  }
  void Run(PlainBatch* batch, int64_t count, int64_t* out) const {
    PlainTimestamps(batch, count, out);
  }
};

template <class Format>
class BoolParser final : public ColumnParser<typename Format::Cells> {
 public:
  explicit BoolParser(arrow::MemoryPool* pool) : pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const typename Format::Cells& cells,
                                              std::vector<BadValue>* bad) override {
    const int64_t size = (cells.count + 7) / 8;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                          arrow::AllocateBuffer(size, pool_));
    uint8_t* out = values->mutable_data();
    memset(out, 0, static_cast<size_t>(size));
    Validity validity(cells.count, pool_);
    StoreCells<CellKind::kWord>(
        cells, *arrow::boolean(), bad,
        [&](int64_t row, const char* b, const char* e) {
          bool value = false;
          const bool good = Format::Word(b, e, &value);
          out[row >> 3] |= static_cast<uint8_t>(value << (row & 7));
          return good;
        },
        [&](int64_t row) { validity.SetNull(row); });
    return validity.Finish(arrow::boolean(), cells.count, {values});
  }

 private:
  arrow::MemoryPool* pool_;
};

// Rare types, by Arrow's own conversion from text.
template <class Cells>
class GenericParser final : public ColumnParser<Cells> {
 public:
  GenericParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(pool_, type_, &builder));
    ARROW_RETURN_NOT_OK(builder->Reserve(cells.count));
    Status status;
    auto append = [&](const Status& appended) {
      if (status.ok()) status = appended;
    };
    StoreCells<CellKind::kExact>(
        cells, *type_, bad,
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

// Units of a second that one step of a time type stands for.
inline int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLI: return 1000;
    case arrow::TimeUnit::MICRO: return 1000000;
    case arrow::TimeUnit::NANO: return 1000000000;
  }
  return 1;
}

/// The parsers of one format, for all types but text and nested ones.
template <class Format>
class ValueParsers {
 public:
  using Cells = typename Format::Cells;
  using Made = std::unique_ptr<ColumnParser<Cells>>;

  /// Null for a type that is not among these.
  static Made Make(const std::shared_ptr<arrow::DataType>& type,
                   const ColumnSettings& settings) {
    switch (type->id()) {
      case arrow::Type::BOOL: return std::make_unique<BoolParser<Format>>(settings.pool);
      case arrow::Type::INT8: return Integer<int8_t>(type, settings);
      case arrow::Type::INT16: return Integer<int16_t>(type, settings);
      case arrow::Type::INT32: return Integer<int32_t>(type, settings);
      case arrow::Type::INT64: return Integer<int64_t>(type, settings);
      case arrow::Type::UINT8: return Integer<uint8_t>(type, settings);
      case arrow::Type::UINT16: return Integer<uint16_t>(type, settings);
      case arrow::Type::UINT32: return Integer<uint32_t>(type, settings);
      case arrow::Type::UINT64:
        return Fixed<CellKind::kNumber, uint64_t>(type, settings, Format::Unsigned);
      case arrow::Type::FLOAT:
        return Fixed<CellKind::kNumber, float>(type, settings, Format::Float);
      case arrow::Type::DOUBLE:
        return Plain<CellKind::kNumber, double>(
            type, settings, NumberKernel<double, PlainReals>(), Format::Real);
      case arrow::Type::DATE32:
        return Fixed<CellKind::kTime, int32_t>(type, settings,
                                               Inlined<int32_t, ParseDate>());
      case arrow::Type::DATE64:
        return Fixed<CellKind::kTime, int64_t>(
            type, settings, [](const char* b, const char* e, int64_t* out) {
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
      case arrow::Type::DURATION:
      case arrow::Type::HALF_FLOAT:
      case arrow::Type::NA:
        return std::make_unique<GenericParser<Cells>>(type, settings.pool);
      default: return nullptr;
    }
  }

 private:
  template <CellKind kKind, class T, class Text>
  static Made Fixed(std::shared_ptr<arrow::DataType> type, const ColumnSettings& settings,
                    Text parse) {
    return std::make_unique<FixedParser<Cells, kKind, T, Text>>(std::move(type),
                                                                settings.pool, parse);
  }

  template <CellKind kKind, class T, class Kernel, class Text>
  static Made Plain(std::shared_ptr<arrow::DataType> type, const ColumnSettings& settings,
                    Kernel kernel, Text parse) {
    return std::make_unique<PlainParser<Cells, kKind, T, Kernel, Text>>(
        std::move(type), settings.pool, kernel, parse);
  }

  template <class T>
  static Made Integer(std::shared_ptr<arrow::DataType> type,
                      const ColumnSettings& settings) {
    return Plain<CellKind::kNumber, T>(
        std::move(type), settings, NumberKernel<int64_t, PlainIntegers>(), Format::Whole);
  }

  static Made Timestamp(const std::shared_ptr<arrow::DataType>& type,
                        const ColumnSettings& settings) {
    const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
    // Text with a zone has no meaning in a column without one; text without is UTC.
    const bool zoned = !timestamp.timezone().empty();
    auto parse = [format = settings.timestamp_format,
                  per_second = PerSecond(timestamp.unit()),
                  zoned](const char* b, const char* e, int64_t* out) {
      Moment moment;
      if (format.empty() && per_second == 1000000 &&
          ParsePlainTimestamp(b, e, zoned, out)) {
        return true;
      }
      return ((!format.empty() && ParseMomentAs(format, b, e, &moment)) ||
              ParseMoment(b, e, &moment)) &&
             (zoned || !moment.zoned) && Format::Scale(moment, per_second, out);
    };
    if (settings.timestamp_format.empty() && timestamp.unit() == arrow::TimeUnit::MICRO) {
      return Plain<CellKind::kTime, int64_t>(type, settings, TimestampKernel{zoned},
                                             parse);
    }
    return Fixed<CellKind::kTime, int64_t>(type, settings, parse);
  }

  // The first kBytes of a wide decimal are the narrow one, because the value fits.
  template <size_t kBytes>
  static Made Decimal(const std::shared_ptr<arrow::DataType>& type,
                      const ColumnSettings& settings,
                      bool (*parse)(const char*, const char*, int32_t, int32_t,
                                    uint8_t*)) {
    const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
    using Bytes = std::array<uint8_t, kBytes>;
    return Fixed<CellKind::kExact, Bytes>(
        type, settings,
        [parse, precision = decimal.precision(), scale = decimal.scale()](
            const char* b, const char* e, Bytes* out) {
          uint8_t wide[32];
          if (!Format::Number(b, e) || !parse(b, e, precision, scale, wide)) return false;
          memcpy(out->data(), wide, kBytes);
          return true;
        });
  }

  template <class T>
  static Made Time(const std::shared_ptr<arrow::DataType>& type,
                   arrow::TimeUnit::type unit, const ColumnSettings& settings) {
    return Fixed<CellKind::kTime, T>(
        type, settings,
        [per_second = PerSecond(unit)](const char* b, const char* e, T* out) {
          Moment moment;
          int64_t wide;
          if (!ParseTime(b, e, &moment) || !Format::Scale(moment, per_second, &wide)) {
            return false;
          }
          *out = static_cast<T>(wide);
          return true;
        });
  }
};

}  // namespace millrace::formats
