#include "millrace/formats/csv/render.h"

#include <string>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/base/calendar.h"
#include "millrace/data/json_string.h"
#include "millrace/formats/format_value.h"

namespace millrace::formats::csv {

namespace {

void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += "\\x";
  for (unsigned char c : bytes) {
    *out += kDigits[c >> 4];
    *out += kDigits[c & 15];
  }
}

Status AppendText(const arrow::Array& array, int64_t i, std::string* out);

Status AppendJson(const arrow::Array& array, int64_t i, std::string* out) {
  if (array.IsNull(i)) {
    *out += "null";
    return Status::OK();
  }
  auto list = [&](const arrow::Array& values, int64_t from, int64_t to) -> Status {
    *out += '[';
    for (int64_t k = from; k < to; ++k) {
      if (k > from) *out += ',';
      ARROW_RETURN_NOT_OK(AppendJson(values, k, out));
    }
    *out += ']';
    return Status::OK();
  };
  switch (array.type_id()) {
    case arrow::Type::LIST: {
      const auto& typed = static_cast<const arrow::ListArray&>(array);
      return list(*typed.values(), typed.value_offset(i), typed.value_offset(i + 1));
    }
    case arrow::Type::LARGE_LIST: {
      const auto& typed = static_cast<const arrow::LargeListArray&>(array);
      return list(*typed.values(), typed.value_offset(i), typed.value_offset(i + 1));
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& typed = static_cast<const arrow::FixedSizeListArray&>(array);
      return list(*typed.values(), typed.value_offset(i), typed.value_offset(i + 1));
    }
    case arrow::Type::MAP: {
      // Keys of any type: a list of pairs loses nothing.
      const auto& typed = static_cast<const arrow::MapArray&>(array);
      *out += '[';
      for (int64_t k = typed.value_offset(i); k < typed.value_offset(i + 1); ++k) {
        *out += k > typed.value_offset(i) ? ",{\"key\":" : "{\"key\":";
        ARROW_RETURN_NOT_OK(AppendJson(*typed.keys(), k, out));
        *out += ",\"value\":";
        ARROW_RETURN_NOT_OK(AppendJson(*typed.items(), k, out));
        *out += '}';
      }
      *out += ']';
      return Status::OK();
    }
    case arrow::Type::STRUCT: {
      const auto& typed = static_cast<const arrow::StructArray&>(array);
      *out += '{';
      for (int c = 0; c < typed.num_fields(); ++c) {
        if (c > 0) *out += ',';
        data::AppendJsonString(typed.type()->field(c)->name(), out);
        *out += ':';
        ARROW_RETURN_NOT_OK(AppendJson(*typed.field(c), i, out));
      }
      *out += '}';
      return Status::OK();
    }
    case arrow::Type::DICTIONARY: {
      const auto& typed = static_cast<const arrow::DictionaryArray&>(array);
      return AppendJson(*typed.dictionary(), typed.GetValueIndex(i), out);
    }
    default: {
      std::string text;
      ARROW_RETURN_NOT_OK(AppendText(array, i, &text));
      const bool bare = array.type_id() == arrow::Type::BOOL ||
                        (arrow::is_numeric(array.type_id()) && text != "nan" &&
                         text.find("inf") == std::string::npos);
      if (bare) {
        *out += text;
      } else {
        data::AppendJsonString(text, out);
      }
      return Status::OK();
    }
  }
}

Status AppendText(const arrow::Array& array, int64_t i, std::string* out) {
  switch (array.type_id()) {
    case arrow::Type::BINARY:
      AppendHex(static_cast<const arrow::BinaryArray&>(array).GetView(i), out);
      return Status::OK();
    case arrow::Type::LARGE_BINARY:
      AppendHex(static_cast<const arrow::LargeBinaryArray&>(array).GetView(i), out);
      return Status::OK();
    case arrow::Type::FIXED_SIZE_BINARY:
      AppendHex(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(i), out);
      return Status::OK();
    case arrow::Type::DOUBLE: {
      char text[64];
      RealFormatter formatter;
      out->append(
          text,
          formatter.Format(text, static_cast<const arrow::DoubleArray&>(array).Value(i)));
      return Status::OK();
    }
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: {
      const auto interval =
          static_cast<const arrow::MonthDayNanoIntervalArray&>(array).GetValue(i);
      AppendInterval(interval.months, interval.days, interval.nanoseconds, out);
      return Status::OK();
    }
    case arrow::Type::DURATION:
      *out += std::to_string(static_cast<const arrow::DurationArray&>(array).Value(i));
      return Status::OK();
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::MAP:
    case arrow::Type::STRUCT: return AppendJson(array, i, out);
    case arrow::Type::DICTIONARY: {
      const auto& typed = static_cast<const arrow::DictionaryArray&>(array);
      return AppendText(*typed.dictionary(), typed.GetValueIndex(i), out);
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(auto scalar, array.GetScalar(i));
      *out += scalar->ToString();
      return Status::OK();
    }
  }
}

}  // namespace

Result<std::shared_ptr<arrow::Array>> RenderText(const arrow::Array& array,
                                                 arrow::MemoryPool* pool) {
  arrow::LargeStringBuilder builder(pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(array.length()));
  std::string text;
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) {
      ARROW_RETURN_NOT_OK(builder.AppendNull());
      continue;
    }
    text.clear();
    ARROW_RETURN_NOT_OK(AppendText(array, i, &text));
    ARROW_RETURN_NOT_OK(builder.Append(text));
  }
  return builder.Finish();
}

}  // namespace millrace::formats::csv
