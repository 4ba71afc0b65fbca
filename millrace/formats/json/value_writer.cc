#include "millrace/formats/json/value_writer.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/format_value.h"
#include "millrace/formats/json/errors.h"

namespace millrace::formats::json {

namespace {

constexpr int64_t kValueBytes = 128;  // that any value of fixed width may touch

// Has any of eight bytes the value of a quote, a backslash or a control character?
[[gnu::always_inline]] inline bool NeedsEscape(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  const uint64_t quote = word ^ (kOnes * '"'), slash = word ^ (kOnes * '\\');
  const uint64_t below = (word - kOnes * 0x20) & ~word;
  return ((((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash) | below) & kHigh) != 0;
}

char* Escape(char* d, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  const char* p = text.data();
  const char* const e = p + text.size();
  while (p < e) {
    if (e - p >= 8) {
      uint64_t word;
      memcpy(&word, p, 8);
      if (!NeedsEscape(word)) {
        memcpy(d, &word, 8);
        d += 8;
        p += 8;
        continue;
      }
    }
    const unsigned char c = static_cast<unsigned char>(*p++);
    if (c >= 0x20 && c != '"' && c != '\\') {
      *d++ = static_cast<char>(c);
      continue;
    }
    *d++ = '\\';
    switch (c) {
      case '\n': *d++ = 'n'; break;
      case '\r': *d++ = 'r'; break;
      case '\t': *d++ = 't'; break;
      case '\b': *d++ = 'b'; break;
      case '\f': *d++ = 'f'; break;
      case '"':
      case '\\': *d++ = static_cast<char>(c); break;
      default:
        memcpy(d, "u00", 3);
        d[3] = kHex[c >> 4];
        d[4] = kHex[c & 15];
        d += 5;
    }
  }
  return d;
}

}  // namespace

bool IsPlain(std::string_view text) {
  const char* p = text.data();
  const char* const e = p + text.size();
  for (; e - p >= 8; p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    if (NeedsEscape(word)) return false;
  }
  for (; p < e; ++p) {
    const unsigned char c = static_cast<unsigned char>(*p);
    if (c < 0x20 || c == '"' || c == '\\') return false;
  }
  return true;
}

void AppendString(std::string_view text, Output& out) {
  char* d = out.Room(6 * static_cast<int64_t>(text.size()) + 2);
  if (d == nullptr) return;
  *d++ = '"';
  d = Escape(d, text);
  *d++ = '"';
  out.Advance(d);
}

Status ValueWriter::Bind(std::shared_ptr<arrow::Array> array) {
  ARROW_ASSIGN_OR_RAISE(array_, data::Decoded(std::move(array), pool_));
  validity_ = array_->null_count() > 0 ? array_->null_bitmap_data() : nullptr;
  validity_offset_ = array_->offset();
  return BindArray();
}

namespace {

// `Format` is a callable (char* d, T value) → char*, null when there is no JSON for it.
template <class T, class Format>
class FixedWriter final : public ValueWriter {
 public:
  FixedWriter(Format format, arrow::MemoryPool* pool)
      : ValueWriter(pool), format_(format) {}

 protected:
  Status BindArray() override {
    values_ = array_->data()->GetValues<T>(1);
    return Status::OK();
  }
  bool WriteValue(int64_t i, Output& out) override {
    char* d = out.Room(kValueBytes);
    if (d == nullptr) return true;
    d = format_(d, values_[i]);
    if (d == nullptr) [[unlikely]]
      return false;
    out.Advance(d);
    return true;
  }

 private:
  Format format_;
  const T* values_ = nullptr;
};

template <class T, class Format>
std::unique_ptr<ValueWriter> Fixed(Format format, arrow::MemoryPool* pool) {
  return std::make_unique<FixedWriter<T, Format>>(format, pool);
}

class NullWriter final : public ValueWriter {
 public:
  explicit NullWriter(arrow::MemoryPool* pool) : ValueWriter(pool) {}

 protected:
  Status BindArray() override { return Status::OK(); }
  bool WriteValue(int64_t, Output& out) override {
    out.Append("null");
    return true;
  }
};

class BoolWriter final : public ValueWriter {
 public:
  explicit BoolWriter(arrow::MemoryPool* pool) : ValueWriter(pool) {}

 protected:
  Status BindArray() override { return Status::OK(); }
  bool WriteValue(int64_t i, Output& out) override {
    out.Append(static_cast<const arrow::BooleanArray&>(*array_).Value(i) ? "true"
                                                                         : "false");
    return true;
  }
};

char* Copy(char* d, std::string_view text) {
  memcpy(d, text.data(), text.size());
  return d + text.size();
}

char* NotANumber(char* d, double value, NonFinite non_finite) {
  if (non_finite == NonFinite::kFail) return nullptr;
  if (non_finite == NonFinite::kNull) return Copy(d, "null");
  if (std::isnan(value)) return Copy(d, "\"NaN\"");
  return Copy(d, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
}

// Base64 text, of anything whose array has GetView.
template <class Array>
class BinaryWriter final : public ValueWriter {
 public:
  explicit BinaryWriter(arrow::MemoryPool* pool) : ValueWriter(pool) {}

 protected:
  Status BindArray() override { return Status::OK(); }
  bool WriteValue(int64_t i, Output& out) override {
    out.Append("\"");
    out.Append(arrow::util::base64_encode(static_cast<const Array&>(*array_).GetView(i)));
    out.Append("\"");
    return true;
  }
};

class ViewWriter final : public ValueWriter {
 public:
  explicit ViewWriter(arrow::MemoryPool* pool) : ValueWriter(pool) {}

 protected:
  Status BindArray() override { return Status::OK(); }
  bool WriteValue(int64_t i, Output& out) override {
    AppendString(static_cast<const arrow::StringViewArray&>(*array_).GetView(i), out);
    return true;
  }
};

template <class Offset>
class TextWriter final : public ValueWriter {
 public:
  explicit TextWriter(arrow::MemoryPool* pool) : ValueWriter(pool) {}

 protected:
  Status BindArray() override {
    const arrow::ArrayData& data = *array_->data();
    offsets_ = data.GetValues<Offset>(1);
    const arrow::Buffer* bytes = data.buffers[2].get();
    text_ = bytes == nullptr ? nullptr : reinterpret_cast<const char*>(bytes->data());
    text_end_ = text_ == nullptr ? nullptr : text_ + bytes->size();
    // Mostly no string of a batch needs escapes, and one look at all finds that out.
    plain_ = data.length > 0 &&
             IsPlain({text_ + offsets_[0],
                      static_cast<size_t>(offsets_[data.length] - offsets_[0])});
    return Status::OK();
  }
  bool WriteValue(int64_t i, Output& out) override {
    const char* from = text_ + offsets_[i];
    const int64_t size = offsets_[i + 1] - offsets_[i];
    if (!plain_) {
      AppendString({from, static_cast<size_t>(size)}, out);
      return true;
    }
    char* d = out.Room(size + 34);
    if (d == nullptr) return true;
    *d++ = '"';
    // Most strings are short: two 16-byte moves whatever the length.
    if (size <= 32 && text_end_ - from >= 32) [[likely]] {
      memcpy(d, from, 32);
    } else if (size > 0) {
      memcpy(d, from, static_cast<size_t>(size));
    }
    d += size;
    *d++ = '"';
    out.Advance(d);
    return true;
  }

 private:
  const Offset* offsets_ = nullptr;
  const char* text_ = nullptr;
  const char* text_end_ = nullptr;
  bool plain_ = false;
};

template <class Decimal>
std::unique_ptr<ValueWriter> DecimalWriter(int32_t scale, arrow::MemoryPool* pool) {
  using Bytes = std::array<uint8_t, sizeof(Decimal)>;
  return Fixed<Bytes>(
      [scale](char* d, const Bytes& bytes) -> char* {
        Decimal value;
        memcpy(static_cast<void*>(&value), bytes.data(), bytes.size());
        // At most 76 digits; Room is asked for with them in mind.
        return Copy(d, value.ToString(scale));
      },
      pool);
}

struct UnitDigits {
  int64_t per_second;
  int fraction_digits;
};

UnitDigits DigitsOf(arrow::TimeUnit::type unit) {
  const int digits = static_cast<int>(unit) * 3;
  return {static_cast<int64_t>(kTens[static_cast<size_t>(digits)]), digits};
}

template <class T>
std::unique_ptr<ValueWriter> TimeWriter(arrow::TimeUnit::type unit,
                                        arrow::MemoryPool* pool) {
  return Fixed<T>(
      [unit = DigitsOf(unit)](char* d, T value) -> char* {
        const int64_t second = value / unit.per_second;
        if (value < 0 || second >= 86400) return nullptr;
        *d++ = '"';
        d = DateFormatter::FormatTime(d, static_cast<uint32_t>(second),
                                      static_cast<uint64_t>(value % unit.per_second),
                                      unit.fraction_digits);
        *d++ = '"';
        return d;
      },
      pool);
}

template <class T>
std::unique_ptr<ValueWriter> DateWriter(int64_t per_day, arrow::MemoryPool* pool) {
  return Fixed<T>(
      [per_day, date = DateFormatter()](char* d, T value) mutable -> char* {
        int64_t day = value / per_day;
        day -= value % per_day < 0;
        *d = '"';
        d = date.FormatDay(d + 1, day);
        if (d != nullptr) *d++ = '"';
        return d;
      },
      pool);
}

std::unique_ptr<ValueWriter> TimestampWriter(const arrow::TimestampType& type,
                                             char separator, arrow::MemoryPool* pool) {
  return Fixed<int64_t>(
      [unit = DigitsOf(type.unit()), zoned = !type.timezone().empty(), separator,
       date = DateFormatter()](char* d, int64_t value) mutable -> char* {
        *d = '"';
        d = date.FormatTimestamp(d + 1, value, unit.per_second, unit.fraction_digits,
                                 separator);
        if (d == nullptr) [[unlikely]]
          return nullptr;
        if (zoned) *d++ = 'Z';
        *d++ = '"';
        return d;
      },
      pool);
}

template <class T>
std::unique_ptr<ValueWriter> IntegerWriter(arrow::MemoryPool* pool) {
  return Fixed<T>(
      [](char* d, T value) {
        if constexpr (std::is_signed_v<T>) {
          return FormatSigned(d, value);
        } else {
          return FormatUnsigned(d, value);
        }
      },
      pool);
}

}  // namespace

Result<std::unique_ptr<ValueWriter>> MakeValueWriter(const arrow::Field& field,
                                                     const WriteSettings& settings,
                                                     arrow::MemoryPool* pool) {
  const arrow::DataType& type = *field.type();
  const NonFinite non_finite = settings.non_finite;
  auto scale = [&type] { return static_cast<const arrow::DecimalType&>(type).scale(); };
  switch (type.id()) {
    case arrow::Type::NA: return std::make_unique<NullWriter>(pool);
    case arrow::Type::BOOL: return std::make_unique<BoolWriter>(pool);
    case arrow::Type::INT8: return IntegerWriter<int8_t>(pool);
    case arrow::Type::INT16: return IntegerWriter<int16_t>(pool);
    case arrow::Type::INT32: return IntegerWriter<int32_t>(pool);
    case arrow::Type::DURATION:  // in its own unit
    case arrow::Type::INT64: return IntegerWriter<int64_t>(pool);
    case arrow::Type::UINT8: return IntegerWriter<uint8_t>(pool);
    case arrow::Type::UINT16: return IntegerWriter<uint16_t>(pool);
    case arrow::Type::UINT32: return IntegerWriter<uint32_t>(pool);
    case arrow::Type::UINT64: return IntegerWriter<uint64_t>(pool);
    case arrow::Type::DOUBLE:
      return Fixed<double>(
          [non_finite, real = RealFormatter()](char* d, double value) mutable {
            return std::isfinite(value) ? real.Format(d, value)
                                        : NotANumber(d, value, non_finite);
          },
          pool);
    case arrow::Type::FLOAT:
      return Fixed<float>(
          [non_finite](char* d, float value) {
            return std::isfinite(value) ? FormatFloat(d, value)
                                        : NotANumber(d, value, non_finite);
          },
          pool);
    case arrow::Type::HALF_FLOAT:
      return Fixed<uint16_t>(
          [non_finite](char* d, uint16_t bits) {
            const float value = arrow::util::Float16::FromBits(bits).ToFloat();
            return std::isfinite(value) ? FormatFloat(d, value)
                                        : NotANumber(d, value, non_finite);
          },
          pool);
    case arrow::Type::DATE32: return DateWriter<int32_t>(1, pool);
    case arrow::Type::DATE64: return DateWriter<int64_t>(86400000, pool);
    case arrow::Type::TIMESTAMP:
      return TimestampWriter(static_cast<const arrow::TimestampType&>(type),
                             settings.timestamp_separator, pool);
    case arrow::Type::TIME32:
      return TimeWriter<int32_t>(static_cast<const arrow::Time32Type&>(type).unit(),
                                 pool);
    case arrow::Type::TIME64:
      return TimeWriter<int64_t>(static_cast<const arrow::Time64Type&>(type).unit(),
                                 pool);
    case arrow::Type::DECIMAL32: return DecimalWriter<arrow::Decimal32>(scale(), pool);
    case arrow::Type::DECIMAL64: return DecimalWriter<arrow::Decimal64>(scale(), pool);
    case arrow::Type::DECIMAL128: return DecimalWriter<arrow::Decimal128>(scale(), pool);
    case arrow::Type::DECIMAL256: return DecimalWriter<arrow::Decimal256>(scale(), pool);
    case arrow::Type::STRING: return std::make_unique<TextWriter<int32_t>>(pool);
    case arrow::Type::LARGE_STRING: return std::make_unique<TextWriter<int64_t>>(pool);
    case arrow::Type::STRING_VIEW: return std::make_unique<ViewWriter>(pool);
    case arrow::Type::BINARY:
      return std::make_unique<BinaryWriter<arrow::BinaryArray>>(pool);
    case arrow::Type::LARGE_BINARY:
      return std::make_unique<BinaryWriter<arrow::LargeBinaryArray>>(pool);
    case arrow::Type::BINARY_VIEW:
      return std::make_unique<BinaryWriter<arrow::BinaryViewArray>>(pool);
    case arrow::Type::FIXED_SIZE_BINARY:
      return std::make_unique<BinaryWriter<arrow::FixedSizeBinaryArray>>(pool);
    case arrow::Type::DICTIONARY:
      return MakeValueWriter(
          *field.WithType(static_cast<const arrow::DictionaryType&>(type).value_type()),
          settings, pool);
    default: return MakeNestedWriter(field, settings, pool);
  }
}

}  // namespace millrace::formats::json
