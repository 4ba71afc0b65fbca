#include "millrace/operators/aggregate/key_column.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/buffer_builder.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/bit_util.h>

#include "millrace/operators/aggregate/integer_table.h"
#include "millrace/operators/reservation.h"

namespace millrace::operators {

namespace {

constexpr uint32_t kNone = UINT32_MAX;

// The 64 bits under which a number is one key. Floats: all NaNs are one, −0 is 0.
template <typename CType>
int64_t KeyBits(CType value) {
  if constexpr (std::is_floating_point_v<CType>) {
    double wide = value;
    if (std::isnan(wide)) return 0x7FF8000000000000ll;
    if (wide == 0) wide = 0;
    int64_t bits;
    std::memcpy(&bits, &wide, sizeof(bits));
    return bits;
  } else {
    return static_cast<int64_t>(value);
  }
}

template <typename CType>
CType FromBits(int64_t bits) {
  if constexpr (std::is_floating_point_v<CType>) {
    double wide;
    std::memcpy(&wide, &bits, sizeof(wide));
    return static_cast<CType>(wide);
  } else {
    return static_cast<CType>(bits);
  }
}

// NULL takes an id like any value. The table below numbers values without a gap, so ids
// behind NULL's are one higher.
class NullId {
 public:
  uint32_t Of(uint32_t next_id) {
    if (id_ == kNone) id_ = next_id;
    return id_;
  }
  bool known() const { return id_ != kNone; }
  bool Is(uint32_t id) const { return id == id_; }
  uint32_t FromTable(uint32_t table_id) const {
    return table_id + (table_id >= id_ ? 1 : 0);
  }
  uint32_t ToTable(uint32_t id) const { return id - (id > id_ ? 1 : 0); }
  void Clear() { id_ = kNone; }

 private:
  uint32_t id_ = kNone;
};

template <typename CType>
class NumberColumn final : public KeyColumn {
 public:
  NumberColumn(std::shared_ptr<arrow::DataType> type,
               std::shared_ptr<MemoryBudget> memory)
      : type_(std::move(type)), memory_(memory), table_(std::move(memory)) {}

  Status Map(const arrow::Array& values, uint32_t* ids) override {
    const int64_t rows = values.length();
    const CType* in = values.data()->GetValues<CType>(1);
    const bool nulls = values.null_count() > 0;
    if constexpr (std::is_same_v<CType, int64_t>) {
      if (!nulls && !null_.known()) return table_.Map(in, rows, ids);
    }
    bits_.resize(static_cast<size_t>(rows));
    if (!nulls) {
      for (int64_t i = 0; i < rows; ++i) bits_[static_cast<size_t>(i)] = KeyBits(in[i]);
      ARROW_RETURN_NOT_OK(table_.Map(bits_.data(), rows, ids));
      if (null_.known()) {
        for (int64_t i = 0; i < rows; ++i) ids[i] = null_.FromTable(ids[i]);
      }
      return Status::OK();
    }
    // Values first, packed; NULL's id is set before them so that their numbers are final.
    const uint32_t null_id = null_.Of(table_.size());
    size_t count = 0;
    for (int64_t i = 0; i < rows; ++i) {
      if (values.IsValid(i)) bits_[count++] = KeyBits(in[i]);
    }
    packed_.resize(count);
    ARROW_RETURN_NOT_OK(
        table_.Map(bits_.data(), static_cast<int64_t>(count), packed_.data()));
    count = 0;
    for (int64_t i = 0; i < rows; ++i) {
      ids[i] = values.IsValid(i) ? null_.FromTable(packed_[count++]) : null_id;
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Values(const uint32_t* ids,
                                               int64_t rows) override {
    arrow::MemoryPool* pool = memory_->pool();
    ARROW_ASSIGN_OR_RAISE(
        auto data,
        arrow::AllocateBuffer(rows * static_cast<int64_t>(sizeof(CType)), pool));
    auto* out = reinterpret_cast<CType*>(data->mutable_data());
    std::shared_ptr<arrow::Buffer> validity;
    int64_t nulls = 0;
    const int64_t* keys = table_.keys();
    for (int64_t i = 0; i < rows; ++i) {
      if (null_.Is(ids[i])) {
        if (!validity) {
          ARROW_ASSIGN_OR_RAISE(validity, arrow::AllocateBitmap(rows, pool));
          std::memset(validity->mutable_data(), 0xFF,
                      static_cast<size_t>(validity->size()));
        }
        arrow::bit_util::ClearBit(validity->mutable_data(), i);
        out[i] = CType{};
        ++nulls;
      } else {
        out[i] = FromBits<CType>(keys[null_.ToTable(ids[i])]);
      }
    }
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, rows, {validity, std::shared_ptr<arrow::Buffer>(std::move(data))}, nulls));
  }

  uint32_t size() const override { return table_.size() + (null_.known() ? 1 : 0); }
  void Expect(int64_t values) override { table_.Expect(values); }
  void Clear() override {
    table_.Clear();
    null_.Clear();
  }

 private:
  const std::shared_ptr<arrow::DataType> type_;
  const std::shared_ptr<MemoryBudget> memory_;
  IntegerTable table_;
  NullId null_;
  std::vector<int64_t> bits_;
  std::vector<uint32_t> packed_;
};

class BooleanColumn final : public KeyColumn {
 public:
  explicit BooleanColumn(std::shared_ptr<MemoryBudget> memory)
      : memory_(std::move(memory)) {}

  Status Map(const arrow::Array& values, uint32_t* ids) override {
    const auto& booleans = static_cast<const arrow::BooleanArray&>(values);
    for (int64_t i = 0; i < booleans.length(); ++i) {
      const int value = booleans.IsNull(i) ? 2 : booleans.Value(i) ? 1 : 0;
      if (id_of_[value] == kNone) {
        id_of_[value] = size_;
        value_of_[size_++] = value;
      }
      ids[i] = id_of_[value];
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> Values(const uint32_t* ids,
                                               int64_t rows) override {
    arrow::BooleanBuilder builder(memory_->pool());
    ARROW_RETURN_NOT_OK(builder.Reserve(rows));
    for (int64_t i = 0; i < rows; ++i) {
      const int value = value_of_[ids[i]];
      if (value == 2) {
        builder.UnsafeAppendNull();
      } else {
        builder.UnsafeAppend(value == 1);
      }
    }
    return builder.Finish();
  }

  uint32_t size() const override { return size_; }
  void Clear() override {
    std::fill(std::begin(id_of_), std::end(id_of_), kNone);
    size_ = 0;
  }

 private:
  const std::shared_ptr<MemoryBudget> memory_;
  uint32_t id_of_[3] = {kNone, kNone, kNone};
  int value_of_[3] = {};
  uint32_t size_ = 0;
};

// Text, binary and everything else whose values are runs of bytes (decimals, fixed-size
// binary, intervals).
class BytesColumn final : public KeyColumn {
 public:
  BytesColumn(std::shared_ptr<arrow::DataType> type, std::shared_ptr<MemoryBudget> memory)
      : type_(std::move(type)),
        memory_(memory),
        reservation_(std::move(memory)),
        bytes_(memory_->pool()),
        ends_(memory_->pool()) {}

  Status Map(const arrow::Array& values, uint32_t* ids) override {
    if (values.type_id() == arrow::Type::DICTIONARY) {
      return MapDictionary(static_cast<const arrow::DictionaryArray&>(values), ids);
    }
    switch (values.type_id()) {
      case arrow::Type::STRING:
      case arrow::Type::BINARY:
        return MapViews(static_cast<const arrow::BinaryArray&>(values), ids);
      case arrow::Type::LARGE_STRING:
      case arrow::Type::LARGE_BINARY:
        return MapViews(static_cast<const arrow::LargeBinaryArray&>(values), ids);
      default: return MapFixed(values, ids);
    }
  }

  Result<std::shared_ptr<arrow::Array>> Values(const uint32_t* ids,
                                               int64_t rows) override {
    if (type_->id() == arrow::Type::STRING && size() <= kSmallDictionary) {
      return DictionaryOf(ids, rows);
    }
    ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(type_, memory_->pool()));
    ARROW_RETURN_NOT_OK(builder->Reserve(rows));
    switch (type_->id()) {
      case arrow::Type::STRING:
      case arrow::Type::BINARY:
        return Build(static_cast<arrow::BinaryBuilder&>(*builder), ids, rows);
      case arrow::Type::LARGE_STRING:
      case arrow::Type::LARGE_BINARY:
        return Build(static_cast<arrow::LargeBinaryBuilder&>(*builder), ids, rows);
      default: return BuildFixed(ids, rows);
    }
  }

  uint32_t size() const override { return count_ + (null_.known() ? 1 : 0); }
  void Expect(int64_t values) override { expected_ = static_cast<size_t>(values); }

  void Clear() override {
    std::fill(slots_.begin(), slots_.end(), Slot{0, kNone});
    count_ = 0;
    null_.Clear();
    bytes_.Rewind(0);
    ends_.Reset();
    last_dictionary_.reset();
    dictionary_.reset();
  }

 private:
  static constexpr uint32_t kSmallDictionary = 4096;
  struct Slot {
    uint64_t hash;
    uint32_t id;
  };

  std::string_view View(uint32_t table_id) const {
    const int64_t begin = table_id == 0 ? 0 : ends_.data()[table_id - 1];
    return {reinterpret_cast<const char*>(bytes_.data()) + begin,
            static_cast<size_t>(ends_.data()[table_id] - begin)};
  }

  Result<uint32_t> Find(std::string_view value) {
    if ((count_ + 1) * 2 > slots_.size()) ARROW_RETURN_NOT_OK(Grow());
    const uint64_t hash = XXH3_64bits(value.data(), value.size());
    for (uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
      Slot& slot = slots_[at];
      if (slot.id == kNone) {
        ARROW_RETURN_NOT_OK(
            bytes_.Append(value.data(), static_cast<int64_t>(value.size())));
        ARROW_RETURN_NOT_OK(ends_.Append(bytes_.length()));
        slot = {hash, count_++};
        return slot.id;
      }
      if (slot.hash == hash && View(slot.id) == value) return slot.id;
    }
  }

  Status Grow() {
    size_t slots = std::max<size_t>(slots_.size() * 2, 64);
    const auto hold = [this](size_t count) {
      return reservation_.Hold(static_cast<int64_t>(count * sizeof(Slot)));
    };
    // Where there is no room for what is expected, there may be for what has come.
    const size_t expected = std::bit_ceil(std::exchange(expected_, 0) * 2);
    if (expected > slots && hold(expected).ok()) {
      slots = expected;
    } else {
      ARROW_RETURN_NOT_OK(hold(slots));
    }
    std::vector<Slot> wider(slots, Slot{0, kNone});
    mask_ = slots - 1;
    for (const Slot& slot : slots_) {
      if (slot.id == kNone) continue;
      uint64_t at = slot.hash & mask_;
      while (wider[at].id != kNone) at = (at + 1) & mask_;
      wider[at] = slot;
    }
    slots_ = std::move(wider);
    return Status::OK();
  }

  uint32_t IdOfNull() { return null_.Of(count_); }

  template <typename ArrayType>
  Status MapViews(const ArrayType& values, uint32_t* ids) {
    // NULL's number must be known before those of the values behind it.
    if (values.null_count() > 0) IdOfNull();
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) {
        ids[i] = IdOfNull();
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(uint32_t id, Find(values.GetView(i)));
      ids[i] = null_.FromTable(id);
    }
    return Status::OK();
  }

  Status MapFixed(const arrow::Array& values, uint32_t* ids) {
    if (values.null_count() > 0) IdOfNull();
    const int width = static_cast<const arrow::FixedWidthType&>(*type_).bit_width() / 8;
    const uint8_t* in = values.data()->GetValues<uint8_t>(1, 0) + values.offset() * width;
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) {
        ids[i] = IdOfNull();
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(uint32_t id,
                            Find({reinterpret_cast<const char*>(in + i * width),
                                  static_cast<size_t>(width)}));
      ids[i] = null_.FromTable(id);
    }
    return Status::OK();
  }

  // Every distinct code is looked up once a dictionary; a dictionary that comes again is
  // remembered.
  Status MapDictionary(const arrow::DictionaryArray& values, uint32_t* ids) {
    const bool nulls = values.null_count() > 0;
    if (values.dictionary() != last_dictionary_) {
      last_dictionary_ = values.dictionary();
      id_of_code_.assign(static_cast<size_t>(last_dictionary_->length()), kNone);
    }
    const auto& text = *last_dictionary_;
    const auto* codes = values.indices()->data()->GetValues<int32_t>(1);
    auto resolve = [&](int32_t code) -> Status {
      uint32_t& id = id_of_code_[static_cast<size_t>(code)];
      if (text.IsNull(code)) {
        id = kNullCode;
        IdOfNull();
        return Status::OK();
      }
      const bool large = text.type_id() == arrow::Type::LARGE_STRING ||
                         text.type_id() == arrow::Type::LARGE_BINARY;
      return Find(large ? static_cast<const arrow::LargeBinaryArray&>(text).GetView(code)
                        : static_cast<const arrow::BinaryArray&>(text).GetView(code))
          .Value(&id);
    };
    int64_t begin = 0;
    if (!nulls && !null_.known()) {
      const uint32_t* id_of_code = id_of_code_.data();
      for (; begin < values.length(); ++begin) {
        const int32_t code = codes[begin];
        if (id_of_code[code] >= kNullCode) [[unlikely]] {
          if (text.IsNull(code)) break;
          ARROW_RETURN_NOT_OK(resolve(code));
        }
        ids[begin] = id_of_code[code];
      }
    }
    if (nulls) IdOfNull();
    // NULL's number, and so those of the values behind it, must be known first.
    for (int64_t i = begin; i < values.length(); ++i) {
      if (nulls && values.IsNull(i)) continue;
      if (id_of_code_[static_cast<size_t>(codes[i])] == kNone)
        ARROW_RETURN_NOT_OK(resolve(codes[i]));
    }
    for (int64_t i = begin; i < values.length(); ++i) {
      const bool null = (nulls && values.IsNull(i)) ||
                        id_of_code_[static_cast<size_t>(codes[i])] == kNullCode;
      ids[i] =
          null ? IdOfNull() : null_.FromTable(id_of_code_[static_cast<size_t>(codes[i])]);
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> DictionaryOf(const uint32_t* ids, int64_t rows) {
    if (!dictionary_ || dictionary_->length() != count_) {
      arrow::StringBuilder builder(memory_->pool());
      for (uint32_t id = 0; id < count_; ++id)
        ARROW_RETURN_NOT_OK(builder.Append(View(id)));
      ARROW_ASSIGN_OR_RAISE(dictionary_, builder.Finish());
    }
    arrow::Int32Builder codes(memory_->pool());
    ARROW_RETURN_NOT_OK(codes.Reserve(rows));
    for (int64_t i = 0; i < rows; ++i) {
      if (null_.Is(ids[i])) {
        codes.UnsafeAppendNull();
      } else {
        codes.UnsafeAppend(static_cast<int32_t>(null_.ToTable(ids[i])));
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto indices, codes.Finish());
    return std::make_shared<arrow::DictionaryArray>(
        arrow::dictionary(arrow::int32(), type_), indices, dictionary_);
  }

  template <typename Builder>
  Result<std::shared_ptr<arrow::Array>> Build(Builder& builder, const uint32_t* ids,
                                              int64_t rows) {
    for (int64_t i = 0; i < rows; ++i) {
      if (null_.Is(ids[i])) {
        ARROW_RETURN_NOT_OK(builder.AppendNull());
      } else {
        ARROW_RETURN_NOT_OK(builder.Append(View(null_.ToTable(ids[i]))));
      }
    }
    return builder.Finish();
  }

  Result<std::shared_ptr<arrow::Array>> BuildFixed(const uint32_t* ids, int64_t rows) {
    const int width = static_cast<const arrow::FixedWidthType&>(*type_).bit_width() / 8;
    ARROW_ASSIGN_OR_RAISE(auto data,
                          arrow::AllocateBuffer(rows * width, memory_->pool()));
    arrow::TypedBufferBuilder<bool> validity(memory_->pool());
    ARROW_RETURN_NOT_OK(validity.Reserve(rows));
    for (int64_t i = 0; i < rows; ++i) {
      const bool null = null_.Is(ids[i]);
      validity.UnsafeAppend(!null);
      uint8_t* out = data->mutable_data() + i * width;
      if (null) {
        std::memset(out, 0, static_cast<size_t>(width));
      } else {
        std::memcpy(out, View(null_.ToTable(ids[i])).data(), static_cast<size_t>(width));
      }
    }
    const int64_t nulls = validity.false_count();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, rows, {bitmap, std::shared_ptr<arrow::Buffer>(std::move(data))}, nulls));
  }

  static constexpr uint32_t kNullCode = UINT32_MAX - 1;
  const std::shared_ptr<arrow::DataType> type_;
  const std::shared_ptr<MemoryBudget> memory_;
  Reservation reservation_;
  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
  uint32_t count_ = 0;
  size_t expected_ = 0;
  arrow::BufferBuilder bytes_;
  arrow::TypedBufferBuilder<int64_t> ends_;  // end of each value in bytes_
  NullId null_;
  std::shared_ptr<arrow::Array> last_dictionary_;
  std::vector<uint32_t> id_of_code_;
  std::shared_ptr<arrow::Array> dictionary_;  // of the values, for Values
};

// Every value is NULL.
class NullColumn final : public KeyColumn {
 public:
  Status Map(const arrow::Array& values, uint32_t* ids) override {
    std::fill(ids, ids + values.length(), 0u);
    size_ = 1;
    return Status::OK();
  }
  Result<std::shared_ptr<arrow::Array>> Values(const uint32_t*, int64_t rows) override {
    return std::make_shared<arrow::NullArray>(rows);
  }
  uint32_t size() const override { return size_; }
  void Clear() override { size_ = 0; }

 private:
  uint32_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<KeyColumn>> KeyColumn::Make(
    const std::shared_ptr<arrow::DataType>& type, std::shared_ptr<MemoryBudget> memory) {
  using arrow::Type;
  switch (type->id()) {
    case Type::NA: return std::make_unique<NullColumn>();
    case Type::BOOL: return std::make_unique<BooleanColumn>(std::move(memory));
    case Type::INT8:
      return std::make_unique<NumberColumn<int8_t>>(type, std::move(memory));
    case Type::INT16:
      return std::make_unique<NumberColumn<int16_t>>(type, std::move(memory));
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32:
      return std::make_unique<NumberColumn<int32_t>>(type, std::move(memory));
    case Type::INT64:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION:
      return std::make_unique<NumberColumn<int64_t>>(type, std::move(memory));
    case Type::UINT8:
      return std::make_unique<NumberColumn<uint8_t>>(type, std::move(memory));
    case Type::UINT16:
      return std::make_unique<NumberColumn<uint16_t>>(type, std::move(memory));
    case Type::UINT32:
      return std::make_unique<NumberColumn<uint32_t>>(type, std::move(memory));
    case Type::UINT64:
      return std::make_unique<NumberColumn<uint64_t>>(type, std::move(memory));
    case Type::FLOAT:
      return std::make_unique<NumberColumn<float>>(type, std::move(memory));
    case Type::DOUBLE:
      return std::make_unique<NumberColumn<double>>(type, std::move(memory));
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
    case Type::INTERVAL_MONTH_DAY_NANO:
      return std::make_unique<BytesColumn>(type, std::move(memory));
    default: return Status::NotImplemented("a key of type ", type->ToString());
  }
}

}  // namespace millrace::operators
