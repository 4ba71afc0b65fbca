#include "millrace/functions/aggregate/group_values_internal.h"

#include <cstring>

#include <arrow/util/bit_util.h>

namespace millrace::functions {

using arrow::Type;

namespace {

constexpr char kBytes[] = {0, 1};

bool IsLarge(const arrow::DataType& type) {
  return type.id() == Type::LARGE_STRING || type.id() == Type::LARGE_BINARY;
}

bool IsBytes(const arrow::DataType& type) {
  return type.id() == Type::STRING || type.id() == Type::BINARY || IsLarge(type);
}

// Bytes of a value; 0 for text and binary.
int WidthOf(const arrow::DataType& type) {
  if (IsBytes(type)) return 0;
  if (type.id() == Type::BOOL) return 1;
  return type.byte_width();
}

}  // namespace

ValueBytes::ValueBytes(const arrow::Array& array) : array_(array) {
  width_ = WidthOf(*array.type());
  if (width_ > 0 && array.type_id() != Type::BOOL && array.length() > 0) {
    const arrow::ArrayData& data = *array.data();
    fixed_ = data.buffers[1]->data() + data.offset * width_;
  }
}

std::string_view ValueBytes::operator[](int64_t row) const {
  if (fixed_ != nullptr) {
    return {reinterpret_cast<const char*>(fixed_ + row * width_),
            static_cast<size_t>(width_)};
  }
  if (array_.type_id() == Type::BOOL) {
    const bool value = static_cast<const arrow::BooleanArray&>(array_).Value(row);
    return {kBytes + (value ? 1 : 0), 1};
  }
  if (IsLarge(*array_.type())) {
    return static_cast<const arrow::LargeBinaryArray&>(array_).GetView(row);
  }
  return static_cast<const arrow::BinaryArray&>(array_).GetView(row);
}

GroupValues::GroupValues(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
    : type_(std::move(type)), pool_(pool), width_(WidthOf(*type_)) {}

bool GroupValues::Supports(const arrow::DataType& type) {
  return IsBytes(type) || type.id() == Type::BOOL ||
         type.id() == Type::FIXED_SIZE_BINARY ||
         (arrow::is_primitive(type.id()) && type.byte_width() > 0) ||
         arrow::is_decimal(type.id()) || type.id() == Type::INTERVAL_MONTH_DAY_NANO;
}

void GroupValues::Resize(int64_t groups) {
  if (groups <= static_cast<int64_t>(state_.size())) return;
  state_.resize(groups, State::kUnset);
  if (width_ > 0) {
    fixed_.resize(groups * width_);
  } else {
    texts_.resize(groups);
  }
}

std::string_view GroupValues::Get(uint32_t group) const {
  if (width_ == 0) return texts_[group];
  return {reinterpret_cast<const char*>(fixed_.data()) + size_t{group} * width_,
          static_cast<size_t>(width_)};
}

void GroupValues::Set(uint32_t group, std::string_view bytes) {
  state_[group] = State::kValue;
  if (width_ > 0) {
    std::memcpy(fixed_.data() + size_t{group} * width_, bytes.data(), width_);
    return;
  }
  std::string& text = texts_[group];
  const auto before = static_cast<int64_t>(text.capacity());
  text.assign(bytes);
  text_bytes_ += static_cast<int64_t>(text.capacity()) - before;
}

template <typename Builder>
Result<std::shared_ptr<arrow::Array>> GroupValues::BuildBytes(
    const expr::GroupSelection& groups) const {
  Builder builder(pool_);
  ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
  for (int64_t i = 0; i < groups.size(); ++i) {
    const auto group = static_cast<uint32_t>(groups[i]);
    ARROW_RETURN_NOT_OK(HasValue(group) ? builder.Append(texts_[group])
                                        : builder.AppendNull());
  }
  ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
  auto data = array->data()->Copy();
  data->type = type_;
  return arrow::MakeArray(std::move(data));
}

Result<std::shared_ptr<arrow::Array>> GroupValues::Build(
    const expr::GroupSelection& groups) const {
  const int64_t rows = groups.size();
  if (width_ == 0 && IsLarge(*type_)) {
    return BuildBytes<arrow::LargeBinaryBuilder>(groups);
  }
  if (width_ == 0) return BuildBytes<arrow::BinaryBuilder>(groups);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> valid,
                        arrow::AllocateEmptyBitmap(rows, pool_));
  int64_t nulls = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const bool has = HasValue(static_cast<uint32_t>(groups[i]));
    arrow::bit_util::SetBitTo(valid->mutable_data(), i, has);
    nulls += has ? 0 : 1;
  }
  std::shared_ptr<arrow::Buffer> values;
  if (type_->id() == Type::BOOL) {
    ARROW_ASSIGN_OR_RAISE(values, arrow::AllocateEmptyBitmap(rows, pool_));
    for (int64_t i = 0; i < rows; ++i) {
      arrow::bit_util::SetBitTo(values->mutable_data(), i, fixed_[groups[i]] != 0);
    }
  } else {
    ARROW_ASSIGN_OR_RAISE(values, arrow::AllocateBuffer(rows * width_, pool_));
    if (rows > 0 && groups.is_range()) {
      std::memcpy(values->mutable_data(), fixed_.data() + groups.first() * width_,
                  rows * width_);
    } else {
      for (int64_t i = 0; i < rows; ++i) {
        std::memcpy(values->mutable_data() + i * width_,
                    fixed_.data() + groups[i] * width_, width_);
      }
    }
  }
  return arrow::MakeArray(arrow::ArrayData::Make(type_, rows, {valid, values}, nulls));
}

Result<std::shared_ptr<arrow::Array>> GroupValues::BuildIsSet(
    const expr::GroupSelection& groups) const {
  arrow::BooleanBuilder builder(pool_);
  ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
  for (int64_t i = 0; i < groups.size(); ++i) {
    builder.UnsafeAppend(IsSet(static_cast<uint32_t>(groups[i])));
  }
  return builder.Finish();
}

int64_t GroupValues::extra_bytes() const {
  return static_cast<int64_t>(state_.capacity() * sizeof(State) + fixed_.capacity() +
                              texts_.capacity() * sizeof(std::string)) +
         text_bytes_;
}

void GroupValues::Clear() {
  state_.clear();
  fixed_.clear();
  texts_.clear();
  text_bytes_ = 0;
}

}  // namespace millrace::functions
