#include "millrace/formats/csv/column_writer.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/decimal.h>

#include "millrace/base/decimal_text.h"
#include "millrace/data/type_name.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/csv/index.h"
#include "millrace/formats/csv/render.h"
#include "millrace/formats/value_text.h"

namespace millrace::formats::csv {

TextQuoter::TextQuoter(const WriteDialect& dialect)
    : dialect_(dialect),
      special_{static_cast<uint8_t>(dialect.delimiter),
               static_cast<uint8_t>(dialect.quote), '\n', '\r'} {}

bool TextQuoter::IsPlain(std::string_view bytes) const {
  const uint8_t* data = reinterpret_cast<const uint8_t*>(bytes.data());
  if (ContainsAny(data, bytes.size(), special_)) return false;
  if (dialect_.escape < 0) return true;
  return bytes.find(static_cast<char>(dialect_.escape)) == std::string_view::npos;
}

bool TextQuoter::NeedsQuotes(std::string_view text) const {
  return text.empty() || text == dialect_.null || !IsPlain(text);
}

char* TextQuoter::Write(char* d, std::string_view text) const {
  const bool always =
      dialect_.quoting == Quoting::kAll || dialect_.quoting == Quoting::kNonNumeric;
  if (!always && !NeedsQuotes(text)) {
    memcpy(d, text.data(), text.size());
    return d + text.size();
  }
  const char escape =
      dialect_.escape >= 0 ? static_cast<char>(dialect_.escape) : dialect_.quote;
  if (dialect_.quoting == Quoting::kNone) {
    // Without quotes there is no empty string beside an empty NULL, and no way to tell a
    // NULL spelling from the string.
    if (text == dialect_.null || dialect_.escape < 0) {
      if (text.empty() && text != dialect_.null) return d;
      return nullptr;
    }
    for (char c : text) {
      if (c == dialect_.delimiter || c == dialect_.quote || c == '\n' || c == '\r' ||
          c == escape) {
        *d++ = escape;
      }
      *d++ = c;
    }
    return d;
  }
  *d++ = dialect_.quote;
  for (char c : text) {
    if (c == dialect_.quote || c == escape) *d++ = escape;
    *d++ = c;
  }
  *d++ = dialect_.quote;
  return d;
}

ColumnWriter::ColumnWriter(std::shared_ptr<arrow::Field> field,
                           const WriteDialect& dialect, arrow::MemoryPool* pool)
    : field_(std::move(field)),
      dialect_(dialect),
      pool_(pool),
      quoter_(dialect),
      null_(dialect.null) {
  const arrow::DataType& type = *field_->type();
  auto time_unit = [this](arrow::TimeUnit::type unit) {
    fraction_digits_ = static_cast<int>(unit) * 3;
    per_second_ = static_cast<int64_t>(kTens[static_cast<size_t>(fraction_digits_)]);
  };
  switch (type.id()) {
    case arrow::Type::NA: kind_ = Kind::kNull; break;
    case arrow::Type::BOOL: kind_ = Kind::kBool; break;
    case arrow::Type::INT8: kind_ = Kind::kInt8; break;
    case arrow::Type::INT16: kind_ = Kind::kInt16; break;
    case arrow::Type::INT32: kind_ = Kind::kInt32; break;
    case arrow::Type::INT64: kind_ = Kind::kInt64; break;
    case arrow::Type::UINT8: kind_ = Kind::kUInt8; break;
    case arrow::Type::UINT16: kind_ = Kind::kUInt16; break;
    case arrow::Type::UINT32: kind_ = Kind::kUInt32; break;
    case arrow::Type::UINT64: kind_ = Kind::kUInt64; break;
    case arrow::Type::FLOAT: kind_ = Kind::kFloat; break;
    case arrow::Type::DOUBLE: kind_ = Kind::kDouble; break;
    case arrow::Type::DATE32: kind_ = Kind::kDate32; break;
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      kind_ = Kind::kTimestamp;
      zoned_ = !timestamp.timezone().empty();
      time_unit(timestamp.unit());
      break;
    }
    case arrow::Type::TIME32:
      kind_ = Kind::kTime32;
      time_unit(static_cast<const arrow::Time32Type&>(type).unit());
      break;
    case arrow::Type::TIME64:
      kind_ = Kind::kTime64;
      time_unit(static_cast<const arrow::Time64Type&>(type).unit());
      break;
    case arrow::Type::DECIMAL128:
      kind_ = Kind::kDecimal128;
      scale_ = static_cast<const arrow::Decimal128Type&>(type).scale();
      // A scale that is not a plain number of decimals is Arrow's business.
      if (scale_ < 0 || scale_ > 38) text_type_ = true;
      break;
    default: text_type_ = true;
  }
  quoted_ = !text_type_ && MustQuoteValues();
  if (dialect.decimal != '.') {
    if (kind_ == Kind::kFloat) kind_ = Kind::kLocalFloat;
    if (kind_ == Kind::kDouble) kind_ = Kind::kLocalDouble;
    if (kind_ == Kind::kDecimal128) kind_ = Kind::kLocalDecimal128;
  }
}

const std::string& ColumnWriter::name() const { return field_->name(); }

// Quoting was asked for, or a special byte is among those that values are written with.
bool ColumnWriter::MustQuoteValues() const {
  if (kind_ == Kind::kNull) return false;
  const bool numeric = kind_ >= Kind::kInt8 && kind_ <= Kind::kDouble;
  if (dialect_.quoting == Quoting::kAll) return true;
  if (dialect_.quoting == Quoting::kNonNumeric) {
    return !numeric && kind_ != Kind::kDecimal128;
  }
  std::string alphabet = "0123456789-";
  if (kind_ == Kind::kBool) alphabet = "truefals";
  if (kind_ == Kind::kFloat || kind_ == Kind::kDouble || kind_ == Kind::kDecimal128) {
    alphabet = "0123456789-+einfa";
    alphabet += dialect_.decimal;
  }
  if (kind_ == Kind::kDate32 || kind_ == Kind::kTimestamp || kind_ == Kind::kTime32 ||
      kind_ == Kind::kTime64) {
    alphabet = "0123456789-:. TZ";
  }
  return alphabet.find(dialect_.delimiter) != std::string::npos ||
         alphabet.find(dialect_.quote) != std::string::npos ||
         (dialect_.escape >= 0 &&
          alphabet.find(static_cast<char>(dialect_.escape)) != std::string::npos) ||
         // A number may be spelled like the NULL of the dialect.
         (!dialect_.null.empty() &&
          dialect_.null.find_first_not_of(alphabet) == std::string::npos);
}

Status ColumnWriter::Bind(std::shared_ptr<arrow::Array> array) {
  if (quoted_ && dialect_.quoting == Quoting::kNone) {
    return errors::kCsvUnrepresentable.Make(
        {.column = name()},
        "values of type {} can look like the delimiter, the quote or "
        "NULL",
        data::SqlTypeName(*field_->type()));
  }
  array_ = std::move(array);
  const bool encoded = array_->type_id() == arrow::Type::DICTIONARY;
  if (encoded &&
      static_cast<const arrow::DictionaryArray&>(*array_).indices()->type_id() ==
          arrow::Type::INT32) {
    ARROW_RETURN_NOT_OK(BindDictionary(*array_));
  } else if (text_type_ || encoded) {
    const auto id = array_->type_id();
    if (id != arrow::Type::STRING && id != arrow::Type::LARGE_STRING) {
      ARROW_ASSIGN_OR_RAISE(array_, RenderText(*array_, pool_));
      const auto type = field_->type()->id();
      if (arrow::is_floating(type) || arrow::is_decimal(type)) {
        auto& texts = static_cast<arrow::LargeStringArray&>(*array_);
        if (texts.value_data() && texts.value_data()->is_mutable()) {
          char* begin = reinterpret_cast<char*>(texts.value_data()->mutable_data());
          SetDecimal(begin, begin + texts.total_values_length());
        }
      }
    }
    ARROW_RETURN_NOT_OK(BindText(*array_->data()));
  } else {
    const arrow::ArrayData& data = *array_->data();
    values_ =
        data.buffers.size() > 1 && data.buffers[1] ? data.buffers[1]->data() : nullptr;
    bit_offset_ = data.offset;
    if (kind_ != Kind::kBool && values_ != nullptr) {
      const int width =
          static_cast<const arrow::FixedWidthType&>(*array_->type()).bit_width() / 8;
      values_ = static_cast<const uint8_t*>(values_) + data.offset * width;
    }
  }
  validity_ = array_->null_count() > 0 ? array_->null_bitmap_data() : nullptr;
  validity_offset_ = array_->offset();
  return Status::OK();
}

Status ColumnWriter::BindText(const arrow::ArrayData& data) {
  const arrow::Buffer* bytes = data.buffers[2].get();
  text_ = bytes == nullptr ? nullptr : reinterpret_cast<const char*>(bytes->data());
  text_end_ = text_ == nullptr ? nullptr : text_ + bytes->size();
  int64_t begin = 0, end = 0;
  if (data.type->id() == arrow::Type::STRING) {
    kind_ = Kind::kText;
    offsets_ = data.GetValues<int32_t>(1);
    if (data.length > 0) begin = offsets_[0], end = offsets_[data.length];
  } else {
    kind_ = Kind::kLargeText;
    large_offsets_ = data.GetValues<int64_t>(1);
    if (data.length > 0) begin = large_offsets_[0], end = large_offsets_[data.length];
  }
  plain_ =
      dialect_.null.empty() &&
      (dialect_.quoting == Quoting::kMinimal || dialect_.quoting == Quoting::kNone) &&
      quoter_.IsPlain({text_ + begin, static_cast<size_t>(end - begin)});
  return Status::OK();
}

// Every entry is rendered once for as long as batches share the dictionary.
Status ColumnWriter::BindDictionary(const arrow::Array& array) {
  const auto& typed = static_cast<const arrow::DictionaryArray&>(array);
  kind_ = Kind::kRendered;
  indices_ = static_cast<const arrow::Int32Array&>(*typed.indices()).raw_values();
  if (dictionary_ && dictionary_->data() == typed.dictionary()->data()) {
    return Status::OK();
  }
  dictionary_ = typed.dictionary();
  // An entry is a value of the field's own type, so a writer of that type renders it.
  const auto entry_field = field_->WithType(dictionary_->type());
  ColumnWriter entries(entry_field, dialect_, pool_);
  ARROW_RETURN_NOT_OK(entries.Bind(dictionary_));
  rendered_.clear();
  rendered_ends_.assign(1, 0);
  std::string one;
  for (int64_t i = 0; i < dictionary_->length(); ++i) {
    one.resize(static_cast<size_t>(TextQuoter::MostBytes(entries.Size(i)) + kMostBytes));
    const char* end = entries.Write(one.data(), i);
    if (end == nullptr) {
      return errors::kCsvUnrepresentable.Make({.column = name()}, "{}",
                                              ValueText(*dictionary_, i));
    }
    rendered_.append(one.data(), static_cast<size_t>(end - one.data()));
    rendered_ends_.push_back(static_cast<int64_t>(rendered_.size()));
  }
  rendered_.append(32, '\0');
  return Status::OK();
}

char* ColumnWriter::WriteDecimal(char* d, int64_t i) const {
  const uint64_t* words = static_cast<const uint64_t*>(values_) + 2 * i;
  const int64_t low = static_cast<int64_t>(words[0]);
  if (scale_ > 18 || static_cast<int64_t>(words[1]) != low >> 63) {
    const std::string text =
        DecimalText(arrow::Decimal128(reinterpret_cast<const uint8_t*>(words)), scale_);
    memcpy(d, text.data(), text.size());
    return d + text.size();
  }
  uint64_t magnitude = static_cast<uint64_t>(low);
  if (low < 0) {
    *d++ = '-';
    magnitude = 0 - magnitude;
  }
  const uint64_t tens = kTens[static_cast<size_t>(scale_)];
  d = FormatUnsigned(d, magnitude / tens);
  if (scale_ == 0) return d;
  *d = '.';
  return FormatPadded(d + 1, magnitude % tens, scale_);
}

// `end`, behind a number that has the dialect's separator now.
char* ColumnWriter::SetDecimal(char* begin, char* end) const {
  if (end != nullptr) std::replace(begin, end, '.', dialect_.decimal);
  return end;
}

char* ColumnWriter::WriteValue(char* d, int64_t i) {
  auto value = [this, i]<class T>(T) { return static_cast<const T*>(values_)[i]; };
  switch (kind_) {
    case Kind::kInt64: return FormatSigned(d, value(int64_t{}));
    case Kind::kDouble: return real_.Format(d, value(double{}));
    case Kind::kTimestamp:
      d = date_.FormatTimestamp(d, value(int64_t{}), per_second_, fraction_digits_,
                                dialect_.iso_t ? 'T' : ' ');
      if (zoned_ && d != nullptr) *d++ = 'Z';
      return d;
    case Kind::kInt32: return FormatSigned(d, value(int32_t{}));
    case Kind::kDate32: return date_.FormatDay(d, value(int32_t{}));
    case Kind::kDecimal128: return WriteDecimal(d, i);
    case Kind::kBool: {
      const bool set =
          arrow::bit_util::GetBit(static_cast<const uint8_t*>(values_), bit_offset_ + i);
      memcpy(d, set ? "true " : "false", 5);
      return d + (set ? 4 : 5);
    }
    case Kind::kInt8: return FormatSigned(d, value(int8_t{}));
    case Kind::kInt16: return FormatSigned(d, value(int16_t{}));
    case Kind::kUInt8: return FormatUnsigned(d, value(uint8_t{}));
    case Kind::kUInt16: return FormatUnsigned(d, value(uint16_t{}));
    case Kind::kUInt32: return FormatUnsigned(d, value(uint32_t{}));
    case Kind::kUInt64: return FormatUnsigned(d, value(uint64_t{}));
    case Kind::kFloat: return FormatFloat(d, value(float{}));
    case Kind::kLocalFloat: return SetDecimal(d, FormatFloat(d, value(float{})));
    case Kind::kLocalDouble: return SetDecimal(d, real_.Format(d, value(double{})));
    case Kind::kLocalDecimal128: return SetDecimal(d, WriteDecimal(d, i));
    case Kind::kTime32:
    case Kind::kTime64: {
      const uint64_t units = kind_ == Kind::kTime32
                                 ? static_cast<uint64_t>(value(int32_t{}))
                                 : static_cast<uint64_t>(value(int64_t{}));
      const uint64_t per_second = static_cast<uint64_t>(per_second_);
      if (units / per_second >= 86400) return nullptr;
      return DateFormatter::FormatTime(d, static_cast<uint32_t>(units / per_second),
                                       units % per_second, fraction_digits_);
    }
    case Kind::kNull: memcpy(d, null_.data(), null_.size()); return d + null_.size();
    default: return nullptr;
  }
}

}  // namespace millrace::formats::csv
