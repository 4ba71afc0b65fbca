#include "millrace/operators/join/build_table.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <arrow/array.h>
#include <arrow/type.h>

#include "millrace/data/key_hash.h"

namespace millrace::operators {

namespace {

template <typename CType>
bool EqualNumbers(const arrow::Array& a, int64_t i, const arrow::Array& b, int64_t j) {
  const CType x = a.data()->GetValues<CType>(1)[i];
  const CType y = b.data()->GetValues<CType>(1)[j];
  if constexpr (std::is_floating_point_v<CType>) {
    if (std::isnan(x) && std::isnan(y)) return true;
  }
  return x == y;
}

template <typename ArrayType>
bool EqualViews(const arrow::Array& a, int64_t i, const arrow::Array& b, int64_t j) {
  return static_cast<const ArrayType&>(a).GetView(i) ==
         static_cast<const ArrayType&>(b).GetView(j);
}

using Equal = bool (*)(const arrow::Array&, int64_t, const arrow::Array&, int64_t);

Result<Equal> EqualOf(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::NA:
      return [](const arrow::Array&, int64_t, const arrow::Array&, int64_t) {
        return false;
      };
    case Type::BOOL: return EqualViews<arrow::BooleanArray>;
    case Type::INT8: return EqualNumbers<int8_t>;
    case Type::INT16: return EqualNumbers<int16_t>;
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32: return EqualNumbers<int32_t>;
    case Type::INT64:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION: return EqualNumbers<int64_t>;
    case Type::UINT8: return EqualNumbers<uint8_t>;
    case Type::UINT16: return EqualNumbers<uint16_t>;
    case Type::UINT32: return EqualNumbers<uint32_t>;
    case Type::UINT64: return EqualNumbers<uint64_t>;
    case Type::FLOAT: return EqualNumbers<float>;
    case Type::DOUBLE: return EqualNumbers<double>;
    case Type::STRING:
    case Type::BINARY: return EqualViews<arrow::BinaryArray>;
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return EqualViews<arrow::LargeBinaryArray>;
    case Type::FIXED_SIZE_BINARY:
    case Type::DECIMAL128:
    case Type::DECIMAL256: return EqualViews<arrow::FixedSizeBinaryArray>;
    default: return Status::NotImplemented("a join key of type ", type.ToString());
  }
}

bool AnyNull(const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t row) {
  for (const auto& key : keys) {
    if (key->IsNull(row)) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<BuildTable>> BuildTable::Make(
    std::vector<std::shared_ptr<arrow::Array>> keys, int64_t rows,
    std::shared_ptr<MemoryBudget> memory) {
  if (rows > std::numeric_limits<int32_t>::max()) {
    return Status::CapacityError("the build side of a join has more than 2^31 rows");
  }
  std::unique_ptr<BuildTable> table(new BuildTable(std::move(memory)));
  table->keys_ = std::move(keys);
  for (const auto& key : table->keys_) {
    ARROW_ASSIGN_OR_RAISE(Equal equal, EqualOf(*key->type()));
    table->equal_.push_back(equal);
  }
  const size_t heads = std::bit_ceil(static_cast<size_t>(std::max<int64_t>(rows, 1)) * 2);
  const auto bytes =
      static_cast<int64_t>((heads + static_cast<size_t>(rows)) * sizeof(int32_t));
  ARROW_RETURN_NOT_OK(table->reservation_.Hold(bytes));
  table->heads_.assign(heads, kNone);
  table->shift_ = 64 - std::countr_zero(heads);
  table->next_.assign(static_cast<size_t>(rows), kNone);
  std::vector<uint64_t> hashes(static_cast<size_t>(rows));
  ARROW_RETURN_NOT_OK(data::HashRows(table->keys_, rows, hashes.data()));
  // From the last row to the first, so that a chain gives its rows in their order.
  for (int64_t row = rows; row-- > 0;) {
    if (AnyNull(table->keys_, row)) continue;
    int32_t& head = table->heads_[hashes[static_cast<size_t>(row)] >> table->shift_];
    table->next_[static_cast<size_t>(row)] = head;
    head = static_cast<int32_t>(row);
  }
  return table;
}

Status BuildTable::Find(const std::vector<std::shared_ptr<arrow::Array>>& keys,
                        int64_t rows, int32_t* first) const {
  std::vector<uint64_t> hashes(static_cast<size_t>(rows));
  ARROW_RETURN_NOT_OK(data::HashRows(keys, rows, hashes.data()));
  for (uint64_t hash : hashes) __builtin_prefetch(&heads_[hash >> shift_]);
  for (int64_t row = 0; row < rows; ++row) {
    first[row] =
        AnyNull(keys, row) ? kNone : heads_[hashes[static_cast<size_t>(row)] >> shift_];
  }
  return Status::OK();
}

bool BuildTable::Matches(const std::vector<std::shared_ptr<arrow::Array>>& keys,
                         int64_t probe_row, int32_t row) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!equal_[i](*keys[i], probe_row, *keys_[i], row)) return false;
  }
  return true;
}

}  // namespace millrace::operators
