#include "millrace/data/order_key.h"

#include <cmath>
#include <cstring>

#include <arrow/array.h>
#include <arrow/type.h>

namespace millrace::data {

namespace {

template <typename Word>
void PutBigEndian(Word word, std::vector<char>& out) {
  for (int shift = static_cast<int>(sizeof(Word)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(word >> shift));
  }
}

void PutDouble(double value, std::vector<char>& out) {
  uint64_t bits;
  if (std::isnan(value)) {
    bits = 0x7FF8000000000000ull;
  } else {
    if (value == 0) value = 0;
    std::memcpy(&bits, &value, sizeof(bits));
  }
  // Negative numbers: all bits flipped, so that larger magnitudes come first; others: the
  // sign bit set.
  PutBigEndian(bits & 0x8000000000000000ull ? ~bits : bits | 0x8000000000000000ull, out);
}

void PutText(std::string_view text, std::vector<char>& out) {
  for (char c : text) {
    out.push_back(c);
    if (c == 0) out.push_back(static_cast<char>(0xFF));
  }
  out.push_back(0);
  out.push_back(0);
}

template <typename CType>
void PutNumber(const arrow::Array& array, int64_t row, std::vector<char>& out) {
  const CType value = array.data()->GetValues<CType>(1)[row];
  if constexpr (std::is_floating_point_v<CType>) {
    PutDouble(value, out);
  } else if constexpr (std::is_signed_v<CType>) {
    PutBigEndian(
        static_cast<uint64_t>(static_cast<int64_t>(value)) ^ 0x8000000000000000ull, out);
  } else {
    PutBigEndian(static_cast<uint64_t>(value), out);
  }
}

}  // namespace

Result<PutOrderKey> OrderKeyWriter(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::NA: return [](const arrow::Array&, int64_t, std::vector<char>&) {};
    case Type::BOOL:
      return [](const arrow::Array& array, int64_t row, std::vector<char>& out) {
        out.push_back(static_cast<const arrow::BooleanArray&>(array).Value(row) ? 1 : 0);
      };
    case Type::INT8: return PutNumber<int8_t>;
    case Type::INT16: return PutNumber<int16_t>;
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32: return PutNumber<int32_t>;
    case Type::INT64:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION: return PutNumber<int64_t>;
    case Type::UINT8: return PutNumber<uint8_t>;
    case Type::UINT16: return PutNumber<uint16_t>;
    case Type::UINT32: return PutNumber<uint32_t>;
    case Type::UINT64: return PutNumber<uint64_t>;
    case Type::FLOAT: return PutNumber<float>;
    case Type::DOUBLE: return PutNumber<double>;
    case Type::STRING:
    case Type::BINARY:
      return [](const arrow::Array& array, int64_t row, std::vector<char>& out) {
        PutText(static_cast<const arrow::BinaryArray&>(array).GetView(row), out);
      };
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return [](const arrow::Array& array, int64_t row, std::vector<char>& out) {
        PutText(static_cast<const arrow::LargeBinaryArray&>(array).GetView(row), out);
      };
    case Type::FIXED_SIZE_BINARY:
      return [](const arrow::Array& array, int64_t row, std::vector<char>& out) {
        const auto view =
            static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row);
        out.insert(out.end(), view.begin(), view.end());
      };
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return [](const arrow::Array& array, int64_t row, std::vector<char>& out) {
        const auto& decimals = static_cast<const arrow::FixedSizeBinaryArray&>(array);
        const uint8_t* value = decimals.GetValue(row);
        for (int i = decimals.byte_width() - 1; i >= 0; --i) {
          const bool top = i == decimals.byte_width() - 1;
          out.push_back(static_cast<char>(top ? value[i] ^ 0x80 : value[i]));
        }
      };
    // By length, as comparisons see it: a month has 30 days, a day 24 hours.
    case Type::INTERVAL_MONTH_DAY_NANO:
      return [](const arrow::Array& array, int64_t row, std::vector<char>& out) {
        const auto value =
            static_cast<const arrow::MonthDayNanoIntervalArray&>(array).GetValue(row);
        const int64_t days = int64_t{value.months} * 30 + value.days;
        const __int128 length =
            static_cast<__int128>(days) * 86'400'000'000'000 + value.nanoseconds;
        PutBigEndian(static_cast<uint64_t>(static_cast<int64_t>(length >> 64)) ^
                         0x8000000000000000ull,
                     out);
        PutBigEndian(static_cast<uint64_t>(length), out);
      };
    default: return Status::NotImplemented("ORDER BY a value of type ", type.ToString());
  }
}

}  // namespace millrace::data
