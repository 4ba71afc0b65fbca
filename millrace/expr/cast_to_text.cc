// CAST to VARCHAR.
#include <cmath>

#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include "millrace/base/calendar.h"
#include "millrace/base/decimal_text.h"
#include "millrace/expr/cast_internal.h"
#include "millrace/expr/errors.h"

namespace millrace::expr {

namespace {

using arrow::Type;

// Shortest text that reads back; a whole number keeps ".0" so that it reads as a DOUBLE.
template <typename T>
void AppendReal(T value, std::string* out) {
  if (std::isnan(value)) {
    // Its sign has no meaning.
    *out += "nan";
    return;
  }
  const size_t begin = out->size();
  fmt::format_to(std::back_inserter(*out), "{}", value);
  if (!std::isfinite(value)) return;
  if (out->find_first_of(".e", begin) == std::string::npos) *out += ".0";
}

void AppendHex(std::string_view bytes, std::string* out) {
  for (unsigned char c : bytes) {
    fmt::format_to(std::back_inserter(*out), "\\x{:02X}", c);
  }
}

template <typename T>
T Physical(const arrow::Array& values, int64_t row) {
  return values.data()->GetValues<T>(1)[row];
}

template <typename T>
void AppendInteger(const arrow::Array& values, int64_t row, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}", Physical<T>(values, row));
}

void AppendDuration(int64_t value, int64_t per_second, std::string* out) {
  if (value < 0) *out += '-';
  // One unit less than the least value hurts nobody: it has no opposite.
  AppendClock(value == INT64_MIN ? INT64_MAX : std::abs(value), per_second, out);
}

// A text inside a list or struct has quotes where it could be taken for something else.
void AppendQuoted(std::string_view text, std::string* out) {
  const bool null = text.size() == 4 && (text[0] | 32) == 'n' && (text[1] | 32) == 'u' &&
                    (text[2] | 32) == 'l' && (text[3] | 32) == 'l';
  if (!text.empty() && !null && text.front() != ' ' && text.back() != ' ' &&
      text.find_first_of("'\"[]{}(),=:\\") == std::string_view::npos) {
    *out += text;
    return;
  }
  *out += '\'';
  for (char c : text) {
    if (c == '\'' || c == '\\') *out += '\\';
    *out += c;
  }
  *out += '\'';
}

Status AppendOrNull(const arrow::Array& values, int64_t row, std::string* out) {
  if (values.IsNull(row)) {
    *out += "NULL";
    return Status::OK();
  }
  if (!arrow::is_string(values.type_id())) return AppendValue(values, row, out);
  std::string text;
  ARROW_RETURN_NOT_OK(AppendValue(values, row, &text));
  AppendQuoted(text, out);
  return Status::OK();
}

Status AppendItems(const arrow::Array& items, int64_t begin, int64_t end,
                   std::string* out) {
  *out += '[';
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) *out += ", ";
    ARROW_RETURN_NOT_OK(AppendOrNull(items, i, out));
  }
  *out += ']';
  return Status::OK();
}

Status AppendNested(const arrow::Array& values, int64_t row, std::string* out) {
  switch (values.type_id()) {
    case Type::LIST: {
      const auto& lists = static_cast<const arrow::ListArray&>(values);
      return AppendItems(*lists.values(), lists.value_offset(row),
                         lists.value_offset(row + 1), out);
    }
    case Type::LARGE_LIST: {
      const auto& lists = static_cast<const arrow::LargeListArray&>(values);
      return AppendItems(*lists.values(), lists.value_offset(row),
                         lists.value_offset(row + 1), out);
    }
    case Type::FIXED_SIZE_LIST: {
      const auto& lists = static_cast<const arrow::FixedSizeListArray&>(values);
      return AppendItems(*lists.values(), lists.value_offset(row),
                         lists.value_offset(row + 1), out);
    }
    case Type::MAP: {
      const auto& maps = static_cast<const arrow::MapArray&>(values);
      *out += '{';
      for (int64_t i = maps.value_offset(row); i < maps.value_offset(row + 1); ++i) {
        if (i > maps.value_offset(row)) *out += ", ";
        ARROW_RETURN_NOT_OK(AppendOrNull(*maps.keys(), i, out));
        *out += '=';
        ARROW_RETURN_NOT_OK(AppendOrNull(*maps.items(), i, out));
      }
      *out += '}';
      return Status::OK();
    }
    case Type::STRUCT: {
      const auto& structs = static_cast<const arrow::StructArray&>(values);
      *out += '{';
      for (int i = 0; i < structs.num_fields(); ++i) {
        if (i > 0) *out += ", ";
        *out += "'" + values.type()->field(i)->name() + "': ";
        ARROW_RETURN_NOT_OK(AppendOrNull(*structs.field(i), row, out));
      }
      *out += '}';
      return Status::OK();
    }
    default: return Status::NotImplemented("text of ", values.type()->ToString());
  }
}

bool HasText(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
    case Type::MAP:
    case Type::STRUCT:
      for (const auto& field : type.fields()) {
        if (!HasText(*field->type())) return false;
      }
      return true;
    case Type::DICTIONARY:
      return HasText(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DENSE_UNION:
    case Type::SPARSE_UNION:
    case Type::RUN_END_ENCODED:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::EXTENSION:
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME: return false;
    default: return true;
  }
}

std::string_view Bytes(const arrow::Array& values, int64_t row) {
  switch (values.type_id()) {
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return static_cast<const arrow::LargeBinaryArray&>(values).GetView(row);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return static_cast<const arrow::BinaryViewArray&>(values).GetView(row);
    case Type::FIXED_SIZE_BINARY:
      return static_cast<const arrow::FixedSizeBinaryArray&>(values).GetView(row);
    default: return static_cast<const arrow::BinaryArray&>(values).GetView(row);
  }
}

Status TooLong(const Status& status) {
  if (!status.IsCapacityError()) return status;
  return errors::kTextTooLong.Make({}, "the texts of a batch exceed 2 GiB");
}

// Arrow's offsets end at 2 GiB: more than that can't become a VARCHAR at once.
Result<ArrayPtr> NarrowText(const ArrayPtr& values, const CastPlan& plan) {
  arrow::StringBuilder builder(plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values->length()));
  for (int64_t row = 0; row < values->length(); ++row) {
    if (values->IsNull(row)) {
      builder.UnsafeAppendNull();
    } else {
      ARROW_RETURN_NOT_OK(TooLong(builder.Append(Bytes(*values, row))));
    }
  }
  return builder.Finish();
}

}  // namespace

Status AppendValue(const arrow::Array& values, int64_t row, std::string* out) {
  switch (values.type_id()) {
    case Type::BOOL:
      *out +=
          static_cast<const arrow::BooleanArray&>(values).Value(row) ? "true" : "false";
      break;
    case Type::INT8: AppendInteger<int8_t>(values, row, out); break;
    case Type::INT16: AppendInteger<int16_t>(values, row, out); break;
    case Type::INT32: AppendInteger<int32_t>(values, row, out); break;
    case Type::INT64: AppendInteger<int64_t>(values, row, out); break;
    case Type::UINT8: AppendInteger<uint8_t>(values, row, out); break;
    case Type::UINT16: AppendInteger<uint16_t>(values, row, out); break;
    case Type::UINT32: AppendInteger<uint32_t>(values, row, out); break;
    case Type::UINT64: AppendInteger<uint64_t>(values, row, out); break;
    case Type::FLOAT: AppendReal(Physical<float>(values, row), out); break;
    case Type::DOUBLE: AppendReal(Physical<double>(values, row), out); break;
    case Type::HALF_FLOAT:
      AppendReal(
          arrow::util::Float16::FromBits(Physical<uint16_t>(values, row)).ToFloat(), out);
      break;
    case Type::DECIMAL256:
      *out += DecimalText(
          arrow::Decimal256(
              static_cast<const arrow::Decimal256Array&>(values).GetValue(row)),
          static_cast<const arrow::DecimalType&>(*values.type()).scale());
      break;
    case Type::DECIMAL128:
      *out += DecimalText(
          arrow::Decimal128(
              static_cast<const arrow::Decimal128Array&>(values).GetValue(row)),
          static_cast<const arrow::DecimalType&>(*values.type()).scale());
      break;
    case Type::STRING:
    case Type::LARGE_STRING:
    case Type::STRING_VIEW: *out += Bytes(values, row); break;
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
    case Type::FIXED_SIZE_BINARY: AppendHex(Bytes(values, row), out); break;
    case Type::DATE32: AppendDay(Physical<int32_t>(values, row), out); break;
    case Type::DATE64:
      AppendDay(FloorDivide(Physical<int64_t>(values, row), 86'400'000), out);
      break;
    case Type::TIME32:
      AppendClock(Physical<int32_t>(values, row),
                  PerSecond(static_cast<const arrow::Time32Type&>(*values.type()).unit()),
                  out);
      break;
    case Type::TIME64:
      AppendClock(Physical<int64_t>(values, row),
                  PerSecond(static_cast<const arrow::Time64Type&>(*values.type()).unit()),
                  out);
      break;
    case Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*values.type());
      AppendTimestamp(Physical<int64_t>(values, row), PerSecond(type.unit()), out);
      if (!type.timezone().empty()) *out += "+00";
      break;
    }
    case Type::DURATION:
      AppendDuration(
          Physical<int64_t>(values, row),
          PerSecond(static_cast<const arrow::DurationType&>(*values.type()).unit()), out);
      break;
    case Type::INTERVAL_MONTH_DAY_NANO: {
      const auto interval =
          static_cast<const arrow::MonthDayNanoIntervalArray&>(values).GetValue(row);
      AppendInterval(interval.months, interval.days, interval.nanoseconds, out);
      break;
    }
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(values);
      return AppendValue(*dictionary.dictionary(), dictionary.GetValueIndex(row), out);
    }
    default: return AppendNested(values, row, out);
  }
  return Status::OK();
}

Result<ArrayPtr> CastToText(const ArrayPtr& values, const CastPlan& plan) {
  const arrow::DataType& type = *values->type();
  switch (type.id()) {
    case Type::LARGE_STRING:
    case Type::STRING_VIEW: return NarrowText(values, plan);
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
    case Type::FIXED_SIZE_BINARY: {
      // Bytes that are UTF-8 are its text, as of VARBINARY.
      ARROW_ASSIGN_OR_RAISE(ArrayPtr text, NarrowText(values, plan));
      ARROW_ASSIGN_OR_RAISE(ArrayPtr bytes, text->View(arrow::binary()));
      return CastByArrow(bytes, plan);
    }
    case Type::BINARY: return CastByArrow(values, plan);
    default: break;
  }
  if (arrow::is_integer(type.id())) return CastByArrow(values, plan);
  if (!HasText(type)) return NoCast(type, plan);
  arrow::StringBuilder builder(plan.context.pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(values->length()));
  std::string text;
  for (int64_t row = 0; row < values->length(); ++row) {
    if (values->IsNull(row)) {
      builder.UnsafeAppendNull();
      continue;
    }
    text.clear();
    ARROW_RETURN_NOT_OK(AppendValue(*values, row, &text));
    ARROW_RETURN_NOT_OK(TooLong(builder.Append(text)));
  }
  return builder.Finish();
}

}  // namespace millrace::expr
