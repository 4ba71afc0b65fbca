#include "millrace/functions/aggregate/order_keys_internal.h"

#include <algorithm>
#include <cstring>

#include <arrow/scalar.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/endian.h>

namespace millrace::functions {

Result<OrderKeys> OrderKeys::Make(std::string_view directions, const Arguments& arguments,
                                  size_t first, int64_t rows, arrow::MemoryPool* pool) {
  OrderKeys out;
  for (size_t i = 0; i < directions.size(); ++i) {
    Part part;
    ARROW_ASSIGN_OR_RAISE(part.values, ArgumentArray(arguments[first + i], rows, pool));
    ARROW_ASSIGN_OR_RAISE(part.write, data::OrderKeyWriter(*part.values->type()));
    part.descending = directions[i] == 'd' || directions[i] == 'D';
    part.nulls_first = directions[i] == 'A' || directions[i] == 'D';
    out.parts_.push_back(std::move(part));
  }
  if (out.parts_.size() == 1) {
    const arrow::Array& values = *out.parts_[0].values;
    const auto id = values.type_id();
    if (id == arrow::Type::INT64 || id == arrow::Type::TIMESTAMP) {
      out.whole_ = values.data()->GetValues<int64_t>(1);
    }
  }
  return out;
}

bool OrderKeys::HasNull(int64_t row) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [row](const Part& part) { return part.values->IsNull(row); });
}

std::string_view OrderKeys::WholeAt(int64_t row) {
  const Part& part = parts_[0];
  const bool null = part.values->IsNull(row);
  whole_key_[0] = null == part.nulls_first ? 0 : 1;
  if (null) return {whole_key_, 1};
  uint64_t bits = static_cast<uint64_t>(whole_[row]) ^ (uint64_t{1} << 63);
  if (part.descending) bits = ~bits;
  bits = arrow::bit_util::ToBigEndian(bits);
  std::memcpy(whole_key_ + 1, &bits, sizeof(bits));
  return {whole_key_, sizeof(whole_key_)};
}

std::string_view OrderKeys::At(int64_t row) {
  if (whole_ != nullptr) return WholeAt(row);
  key_.clear();
  for (const Part& part : parts_) {
    const bool null = part.values->IsNull(row);
    key_.push_back(null == part.nulls_first ? 0 : 1);
    if (null) continue;
    const size_t begin = key_.size();
    part.write(*part.values, row, key_);
    if (!part.descending) continue;
    for (size_t i = begin; i < key_.size(); ++i) key_[i] = static_cast<char>(~key_[i]);
  }
  return {key_.data(), key_.size()};
}

Result<Types> OrderKeyTypes(const std::string& name, const Types& types, size_t first) {
  Types out;
  for (size_t i = first; i < types.size(); ++i) {
    out.push_back(Widened(types[i]));
    if (!data::OrderKeyWriter(*out.back()).ok()) {
      return BadArguments(name, types, "it can't be ordered by this type");
    }
  }
  return out;
}

Result<std::string> OrderDirections(const std::string& name, const Types& types,
                                    const Literals& literals, size_t index) {
  if (index >= literals.size() || literals[index] == nullptr) {
    return BadArguments(name, types);
  }
  return literals[index]->ToString();
}

}  // namespace millrace::functions
