// The loop over records. Everything that runs once a value is in this file.
#include "millrace/formats/avro/decoder.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>

#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/wire.h"

namespace millrace::formats::avro {

namespace {

// Values of no bytes, as many as a count says: bounded, since no bytes of the file bound
// them.
constexpr int64_t kMaxEmptyItems = 1 << 24;
constexpr int64_t kMaxItems = INT32_MAX - 1;
// Short text is copied in one piece of this size, over whatever stands behind it.
constexpr int64_t kShort = 16;

template <typename T>
T Load(const uint8_t* p) {
  T out;
  memcpy(&out, p, sizeof(T));
  return out;
}

}  // namespace

enum class Decoder::Fault : uint8_t {
  kNone,
  kCut,
  kNumber,
  kInt,
  kLength,
  kCount,
  kBranch,
  kSymbol,
  kBoolean,
  kDecimal,
  kDuration,
  kTooMany,
  kNoPlace,
  kMemory,
};

Decoder::Decoder(std::vector<std::unique_ptr<Node>> program, std::vector<Node*> columns,
                 std::shared_ptr<arrow::Schema> schema, std::string file,
                 arrow::MemoryPool* pool)
    : program_(std::move(program)),
      columns_(std::move(columns)),
      schema_(std::move(schema)),
      file_(std::move(file)),
      pool_(pool),
      fault_(Fault::kNone) {
  for (const auto& node : program_) {
    min_bytes_ += node->min_bytes;
    row_bytes_ += node->row_bytes;
  }
}

Decoder::~Decoder() = default;

// Room for `count` more values, of which the children of a record have as many.
Status Decoder::Reserve(Node& node, int64_t count) {
  const int64_t total = node.length + count;
  if (node.nullable) ARROW_RETURN_NOT_OK(node.valid.Reserve(total, pool_));
  switch (node.op) {
    case Op::kRecord:
      for (const auto& child : node.children) {
        ARROW_RETURN_NOT_OK(Reserve(*child, count));
      }
      return Status::OK();
    case Op::kDefault: return Reserve(*node.children[0], count);
    case Op::kText:
    case Op::kUuid:
    case Op::kArray:
    case Op::kMap: {
      const bool first = node.values.capacity() == 0;
      ARROW_RETURN_NOT_OK(node.values.Reserve((total + 1) * 4, pool_));
      if (first) node.values.as<int32_t>()[0] = 0;
      if (first && node.last_bytes > 0) {
        ARROW_RETURN_NOT_OK(node.data.Reserve(node.last_bytes + kShort, pool_));
      }
      return Status::OK();
    }
    case Op::kUnion:
      ARROW_RETURN_NOT_OK(node.values.Reserve(total, pool_));
      return node.data.Reserve(total * 4, pool_);
    default:
      if (node.width == 0) return Status::OK();
      return node.values.Reserve(total * node.width, pool_);
  }
}

bool Decoder::Room(Node& node, int64_t count) {
  Status status = Reserve(node, count);
  if (status.ok()) [[likely]]
    return true;
  status_ = std::move(status);
  return false;
}

bool Decoder::RoomForText(Node& node, int64_t size) {
  const int64_t bytes = node.data_length + size;
  if (bytes > INT32_MAX) {
    status_ = errors::kAvroTooLarge.Make({.file = file_, .column = node.name},
                                         "text of more than 2 GiB in one batch");
    return false;
  }
  Status status = node.data.Reserve(bytes + kShort, pool_);
  if (status.ok()) return true;
  status_ = std::move(status);
  return false;
}

const uint8_t* Decoder::Fail(Fault fault, const Node& node) {
  // The first fault is the cause of the others.
  if (fault_ == Fault::kNone) {
    fault_ = fault;
    faulty_ = &node;
  }
  return end_ + 1;
}

// Adds what stands where there is no value: NULL where that is possible.
bool Decoder::Empty(Node& node) {
  const int64_t i = node.length++;
  if (node.nullable) node.valid.data()[i] = 0;
  switch (node.op) {
    case Op::kText:
    case Op::kUuid:
      node.values.as<int32_t>()[i + 1] = static_cast<int32_t>(node.data_length);
      return true;
    case Op::kArray:
    case Op::kMap: {
      int32_t* offsets = node.values.as<int32_t>();
      offsets[i + 1] = offsets[i];
      return true;
    }
    case Op::kRecord:
      for (const auto& child : node.children) {
        if (!Empty(*child)) return false;
      }
      return true;
    case Op::kDefault: return Empty(*node.children[0]);
    case Op::kUnion: {
      // Any branch will do; a column of a union has no place for NULL but in one.
      size_t branch = 0;
      while (node.children[branch]->op == Op::kFail) ++branch;
      Node& child = *node.children[branch];
      if (!Room(child, 1)) return false;
      node.values.as<int8_t>()[i] = node.codes[branch];
      node.data.as<int32_t>()[i] = static_cast<int32_t>(child.length);
      return Empty(child);
    }
    default:
      if (node.width > 0) {
        memset(node.values.data() + i * node.width, 0, static_cast<size_t>(node.width));
      }
      return true;
  }
}

// The number of the branch of a union of null and one type.
const uint8_t* Decoder::Branch(Node& node, const uint8_t* p, bool* null) {
  uint64_t branch = *p++;
  if (branch > 2) [[unlikely]] {
    p = ReadVarint(p - 1, &branch);
    if (p == nullptr) return Fail(Fault::kNumber, node);
  }
  if ((branch & 1) != 0 || branch >> 1 >= node.branches)
    return Fail(Fault::kBranch, node);
  *null = branch >> 1 == node.null_branch;
  return p;
}

const uint8_t* Decoder::Items(Node& node, const uint8_t* p) {
  // The children of a map are its keys and its values.
  int64_t min_bytes = 0;
  for (const auto& child : node.children) min_bytes += child->min_bytes;
  Node& first = *node.children[0];
  for (;;) {
    int64_t count = 0;
    p = ReadLong(p, &count);
    if (p == nullptr) return Fail(Fault::kNumber, node);
    if (p > end_) return Fail(Fault::kCut, node);
    if (count == 0) break;
    if (count < 0) {
      int64_t bytes = 0;
      p = ReadLong(p, &bytes);
      if (p == nullptr || count == INT64_MIN) return Fail(Fault::kNumber, node);
      if (p > end_) return Fail(Fault::kCut, node);
      if (bytes < 0 || bytes > end_ - p) return Fail(Fault::kLength, node);
      count = -count;
    }
    if (min_bytes > 0) {
      if (count > (end_ - p) / min_bytes) return Fail(Fault::kCount, node);
    } else {
      if (count > kMaxEmptyItems - empty_items_) return Fail(Fault::kTooMany, node);
      empty_items_ += count;
    }
    if (count > kMaxItems - first.length) return Fail(Fault::kTooMany, node);
    for (const auto& child : node.children) {
      if (!Room(*child, count)) return Fail(Fault::kMemory, node);
    }
    if (node.op == Op::kMap) {
      Node& second = *node.children[1];
      for (int64_t i = 0; i < count; ++i) {
        p = Value(first, p);
        if (p > end_) return Fail(Fault::kCut, first);
        p = Value(second, p);
        if (p > end_) return Fail(Fault::kCut, second);
      }
    } else {
      for (int64_t i = 0; i < count; ++i) {
        p = Value(first, p);
        if (p > end_) return Fail(Fault::kCut, first);
      }
    }
  }
  node.values.as<int32_t>()[++node.length] = static_cast<int32_t>(first.length);
  return p;
}

const uint8_t* Decoder::SkipItems(Node& node, const uint8_t* p) {
  for (;;) {
    int64_t count = 0;
    p = ReadLong(p, &count);
    if (p == nullptr) return Fail(Fault::kNumber, node);
    if (p > end_) return Fail(Fault::kCut, node);
    if (count == 0) return p;
    if (count < 0) {
      int64_t bytes = 0;
      p = ReadLong(p, &bytes);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if (p > end_) return Fail(Fault::kCut, node);
      if (bytes < 0 || bytes > end_ - p) return Fail(Fault::kLength, node);
      p += bytes;
      continue;
    }
    int64_t min_bytes = 0;
    for (const auto& child : node.children) min_bytes += child->min_bytes;
    if (min_bytes == 0) continue;  // items of no bytes
    if (count > (end_ - p) / min_bytes) return Fail(Fault::kCount, node);
    for (int64_t i = 0; i < count; ++i) {
      for (const auto& child : node.children) {
        p = Value(*child, p);
        if (p > end_) return Fail(Fault::kCut, node);
      }
    }
  }
}

const uint8_t* Decoder::UnionValue(Node& node, const uint8_t* p) {
  uint64_t branch = 0;
  p = ReadVarint(p, &branch);
  if (p == nullptr) return Fail(Fault::kNumber, node);
  if (p > end_) return Fail(Fault::kCut, node);
  if ((branch & 1) != 0 || branch >> 1 >= node.children.size()) {
    return Fail(Fault::kBranch, node);
  }
  Node& child = *node.children[branch >> 1];
  if (node.op == Op::kUnion && child.op != Op::kFail) {
    if (!Room(child, 1)) return Fail(Fault::kMemory, node);
    node.values.as<int8_t>()[node.length] = node.codes[branch >> 1];
    node.data.as<int32_t>()[node.length] = static_cast<int32_t>(child.length);
    ++node.length;
  }
  return Value(child, p);
}

const uint8_t* Decoder::Decimal(Node& node, const uint8_t* p, int64_t size) {
  const int64_t i = node.length++;
  uint8_t* out = node.values.data() + i * node.width;
  const uint8_t sign = size > 0 && (p[0] & 0x80) != 0 ? 0xFF : 0;
  // Bytes beyond the width may only repeat the sign.
  const uint8_t* last = p + size;
  int64_t take = size;
  if (size > node.width) {
    for (const uint8_t* q = p; q < last - node.width; ++q) {
      if (*q != sign) return Fail(Fault::kDecimal, node);
    }
    if (((last[-node.width] ^ sign) & 0x80) != 0) return Fail(Fault::kDecimal, node);
    take = node.width;
  }
  memset(out, sign, static_cast<size_t>(node.width));
  for (int64_t b = 0; b < take; ++b) out[b] = last[-1 - b];
  const int32_t precision =
      static_cast<const arrow::DecimalType&>(*node.type).precision();
  const bool fits = node.width == 16 ? arrow::Decimal128(out).FitsInPrecision(precision)
                                     : arrow::Decimal256(out).FitsInPrecision(precision);
  if (!fits) return Fail(Fault::kDecimal, node);
  return last;
}

// Decodes the bytes of the default instead of those of the file.
const uint8_t* Decoder::Default(Node& node, const uint8_t* p) {
  const uint8_t* const end = end_;
  const auto* from = reinterpret_cast<const uint8_t*>(node.constant.data());
  end_ = from + node.constant.size() - kPadding;
  const bool fits = Value(*node.children[0], from) <= end_;
  end_ = end;
  ++node.length;
  if (!fits) return Fail(Fault::kCut, node);
  return p;
}

// One value. Returns what follows it, which is behind the end where something is wrong.
// `p` is at most the end.
const uint8_t* Decoder::Value(Node& node, const uint8_t* p) {
  if (node.branches != 0) {
    bool null = false;
    p = Branch(node, p, &null);
    if (p > end_) return p;
    if (null) {
      if (node.op < Op::kNull) return p;
      if (!Empty(node)) return Fail(Fault::kMemory, node);
      return p;
    }
  }
  if (node.nullable && node.op != Op::kNull) node.valid.data()[node.length] = 1;
  switch (node.op) {
    case Op::kSkipBytes: return node.size > end_ - p ? end_ + 1 : p + node.size;
    case Op::kSkipLong: {
      uint64_t ignored = 0;
      p = ReadVarint(p, &ignored);
      return p == nullptr ? Fail(Fault::kNumber, node) : p;
    }
    case Op::kSkipText: {
      int64_t size = 0;
      p = ReadLong(p, &size);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if (size < 0 || size > end_ - p) return Fail(Fault::kLength, node);
      return p + size;
    }
    case Op::kSkipArray:
    case Op::kSkipMap: return SkipItems(node, p);
    case Op::kSkipRecord:
      for (const auto& child : node.children) {
        p = Value(*child, p);
        if (p > end_) return Fail(Fault::kCut, *child);
      }
      return p;
    case Op::kSkipUnion:
    case Op::kUnion: return UnionValue(node, p);

    case Op::kNull: ++node.length; return p;
    case Op::kBoolean:
      if (*p > 1) return Fail(p < end_ ? Fault::kBoolean : Fault::kCut, node);
      node.values.data()[node.length++] = *p;
      return p + 1;
    case Op::kInt32:
    case Op::kIntToFloat:
    case Op::kIntToDouble: {
      int64_t value = 0;
      p = ReadLong(p, &value);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if (value != static_cast<int32_t>(value)) [[unlikely]]
        return Fail(Fault::kInt, node);
      if (node.op == Op::kInt32) {
        node.values.as<int32_t>()[node.length++] = static_cast<int32_t>(value);
      } else if (node.op == Op::kIntToFloat) {
        node.values.as<float>()[node.length++] = static_cast<float>(value);
      } else {
        node.values.as<double>()[node.length++] = static_cast<double>(value);
      }
      return p;
    }
    case Op::kInt64: {
      int64_t value = 0;
      p = ReadLong(p, &value);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      node.values.as<int64_t>()[node.length++] = value;
      return p;
    }
    case Op::kLongToFloat:
    case Op::kLongToDouble: {
      int64_t value = 0;
      p = ReadLong(p, &value);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if (node.op == Op::kLongToFloat) {
        node.values.as<float>()[node.length++] = static_cast<float>(value);
      } else {
        node.values.as<double>()[node.length++] = static_cast<double>(value);
      }
      return p;
    }
    case Op::kFloat:
      node.values.as<float>()[node.length++] = Load<float>(p);
      return p + 4;
    case Op::kDouble:
      node.values.as<double>()[node.length++] = Load<double>(p);
      return p + 8;
    case Op::kFloatToDouble:
      node.values.as<double>()[node.length++] = Load<float>(p);
      return p + 4;
    case Op::kText: {
      int64_t size = 0;
      p = ReadLong(p, &size);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if (size < 0 || size > end_ - p) return Fail(Fault::kLength, node);
      if (node.data_length + size + kShort > node.data.capacity()) [[unlikely]] {
        if (!RoomForText(node, size)) return Fail(Fault::kMemory, node);
      }
      uint8_t* out = node.data.data() + node.data_length;
      if (size <= kShort) [[likely]] {
        memcpy(out, p, kShort);
      } else {
        memcpy(out, p, static_cast<size_t>(size));
      }
      node.data_length += size;
      node.values.as<int32_t>()[++node.length] = static_cast<int32_t>(node.data_length);
      return p + size;
    }
    case Op::kFixed:
      if (node.size > end_ - p) return Fail(Fault::kCut, node);
      // One of no bytes has no buffer either.
      if (node.size > 0) {
        memcpy(node.values.data() + node.length * node.size, p,
               static_cast<size_t>(node.size));
      }
      ++node.length;
      return p + node.size;
    case Op::kUuid: {
      constexpr int64_t kTextBytes = 36;
      if (node.data_length + kTextBytes + kShort > node.data.capacity()) [[unlikely]] {
        if (!RoomForText(node, kTextBytes)) return Fail(Fault::kMemory, node);
      }
      uint8_t* out = node.data.data() + node.data_length;
      for (int i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = static_cast<uint8_t>("0123456789abcdef"[p[i] >> 4]);
        *out++ = static_cast<uint8_t>("0123456789abcdef"[p[i] & 15]);
      }
      node.data_length += kTextBytes;
      node.values.as<int32_t>()[++node.length] = static_cast<int32_t>(node.data_length);
      return p + 16;
    }
    case Op::kDuration: {
      const auto months = Load<uint32_t>(p), days = Load<uint32_t>(p + 4),
                 millis = Load<uint32_t>(p + 8);
      if (months > INT32_MAX || days > INT32_MAX) {
        return Fail(p + 12 > end_ ? Fault::kCut : Fault::kDuration, node);
      }
      node.values.as<arrow::MonthDayNanoIntervalType::MonthDayNanos>()[node.length++] = {
          static_cast<int32_t>(months), static_cast<int32_t>(days),
          static_cast<int64_t>(millis) * 1'000'000};
      return p + 12;
    }
    case Op::kDecimalText: {
      int64_t size = 0;
      p = ReadLong(p, &size);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if (size < 0 || size > end_ - p) return Fail(Fault::kLength, node);
      return Decimal(node, p, size);
    }
    case Op::kDecimalFixed:
      if (node.size > end_ - p) return Fail(Fault::kCut, node);
      return Decimal(node, p, node.size);
    case Op::kEnum: {
      uint64_t symbol = 0;
      p = ReadVarint(p, &symbol);
      if (p == nullptr) return Fail(Fault::kNumber, node);
      if ((symbol & 1) != 0 || symbol >> 1 >= node.symbols.size()) {
        return Fail(p > end_ ? Fault::kCut : Fault::kSymbol, node);
      }
      const int32_t code = node.symbols[symbol >> 1];
      if (code < 0) return Fail(Fault::kNoPlace, node);
      node.values.as<int32_t>()[node.length++] = code;
      return p;
    }
    case Op::kArray:
    case Op::kMap: return Items(node, p);
    case Op::kRecord:
      ++node.length;
      for (const auto& child : node.children) {
        p = Value(*child, p);
        if (p > end_) return Fail(Fault::kCut, *child);
      }
      return p;
    case Op::kDefault: return Default(node, p);
    case Op::kFail: return Fail(Fault::kNoPlace, node);
  }
  return p;
}

Status Decoder::FaultStatus(int64_t row) const {
  const Where where{.file = file_, .row = row + 1, .column = faulty_->name};
  switch (fault_) {
    case Fault::kMemory: return status_;
    case Fault::kTooMany:
      return errors::kAvroTooLarge.Make(where, "more items than a column can hold");
    case Fault::kNoPlace:
      return errors::kAvroSchema.Make(where,
                                      "a value that the expected type does not have");
    default: break;
  }
  const char* text = "";
  switch (fault_) {
    case Fault::kNumber: text = "a number is longer than 64 bits"; break;
    case Fault::kInt: text = "an int is longer than 32 bits"; break;
    case Fault::kLength: text = "a length is negative or leads out of the block"; break;
    case Fault::kCount: text = "a count of items leads out of the block"; break;
    case Fault::kBranch: text = "a union has no such branch"; break;
    case Fault::kSymbol: text = "an enum has no such symbol"; break;
    case Fault::kBoolean: text = "a boolean is neither 0 nor 1"; break;
    case Fault::kDecimal: text = "a decimal has more digits than its type"; break;
    case Fault::kDuration: text = "a duration is out of range"; break;
    default: text = "the block ends inside the record"; break;
  }
  return errors::kAvroBroken.Make(where, "{}", text);
}

Result<int64_t> Decoder::Decode(const uint8_t** at, const uint8_t* stop,
                                const uint8_t* end, int64_t count, int64_t first_row) {
  if (rows_ == 0) {
    empty_items_ = 0;
    // Most batches are as the last one.
    const int64_t guess = std::max(count, last_rows_);
    for (const auto& node : program_) {
      if (node->op >= Op::kNull) ARROW_RETURN_NOT_OK(Reserve(*node, guess));
    }
  } else {
    for (const auto& node : program_) {
      if (node->op >= Op::kNull) ARROW_RETURN_NOT_OK(Reserve(*node, count));
    }
  }
  end_ = end;
  fault_ = Fault::kNone;
  const uint8_t* p = *at;
  const size_t steps = program_.size();
  const std::unique_ptr<Node>* const program = program_.data();
  int64_t done = 0;
  // Records of no bytes never come to the stop.
  while (done < count && (p < stop || min_bytes_ == 0)) {
    for (size_t i = 0; i < steps; ++i) {
      p = Value(*program[i], p);
      if (p > end) [[unlikely]] {
        Fail(Fault::kCut, *program[i]);
        return FaultStatus(first_row + done);
      }
    }
    ++done;
  }
  *at = p;
  rows_ += done;
  return done;
}

}  // namespace millrace::formats::avro
