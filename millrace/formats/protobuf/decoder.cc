// The loop over messages. Everything that runs once a value is in this file.
#include "millrace/formats/protobuf/decoder.h"

#include <algorithm>
#include <cstring>

#include <simdjson.h>

#include "millrace/formats/protobuf/errors.h"

namespace millrace::formats::protobuf_format {

namespace {

constexpr int64_t kMostItems = INT32_MAX - 1;
constexpr int64_t kFirstCapacity = 64;
constexpr int kMostGroups = 100;
// Short text is copied in one piece of this size, over whatever stands behind it.
constexpr int64_t kShort = 16;

constexpr int64_t kBillion = 1'000'000'000;
// 0001-01-01 to 9999-12-31, and 10,000 years.
constexpr int64_t kFirstSecond = -62'135'596'800, kLastSecond = 253'402'300'799;
constexpr int64_t kMostSeconds = 315'576'000'000;

template <typename T>
T Load(const uint8_t* p) {
  T out;
  memcpy(&out, p, sizeof(T));
  return out;
}

// Words at a time, since most text is short and ASCII. kPadding stands behind.
bool IsUtf8(const uint8_t* p, uint64_t size) {
  if (size <= 32) {
    uint64_t high = 0;
    uint64_t i = 0;
    for (; i + 8 <= size; i += 8) high |= Load<uint64_t>(p + i);
    if (i < size) high |= Load<uint64_t>(p + i) << (8 * (8 - (size - i)));
    if ((high & 0x8080808080808080ull) == 0) return true;
  }
  return simdjson::validate_utf8(reinterpret_cast<const char*>(p), size);
}

bool HasOffsets(Op op) { return op == Op::kText || op == Op::kList || op == Op::kMap; }

}  // namespace

enum class Decoder::Fault : uint8_t {
  kNone,
  kCut,
  kNumber,
  kTag,
  kLength,
  kGroup,
  kRequired,
  kUtf8,
  kMoment,
  kTime,
  kTooMany,
  kMemory,
};

Decoder::Decoder(std::string file, arrow::MemoryPool* pool)
    : file_(std::move(file)), pool_(pool), fault_(Fault::kNone) {}

const uint8_t* Decoder::Fail(Fault fault, const Node* node, const uint8_t* p) {
  // The first fault is the cause of the others.
  if (fault_ == Fault::kNone) {
    fault_ = fault;
    faulty_ = node;
    fault_at_ = p;
  }
  return nullptr;
}

// Room for `count` more values, of which the fields of a message have as many.
bool Decoder::Grow(Node& node, int64_t count) {
  const int64_t least = node.length + count;
  if (least > kMostItems) return Fail(Fault::kTooMany, &node, nullptr) != nullptr;
  const int64_t capacity =
      std::max({least, std::min(2 * node.capacity, kMostItems), kFirstCapacity,
                node.capacity == 0 ? node.last_length : 0});
  Status status;
  if (node.tracked) status = node.valid.Reserve(capacity, pool_);
  if (status.ok() && HasOffsets(node.op)) {
    const bool first = node.values.capacity() == 0;
    status = node.values.Reserve((capacity + 1) * 4, pool_);
    if (status.ok() && first) node.values.as<int32_t>()[0] = 0;
    if (status.ok() && first && node.last_bytes > 0) {
      status = node.data.Reserve(node.last_bytes + kShort, pool_);
    }
  } else if (status.ok() && node.width > 0) {
    status = node.values.Reserve(capacity * node.width, pool_);
  }
  if (!status.ok()) {
    status_ = std::move(status);
    return Fail(Fault::kMemory, &node, nullptr) != nullptr;
  }
  if (node.op == Op::kMessage) {
    for (const auto& child : node.children) {
      const int64_t more = capacity - child->length;
      if (child->capacity < capacity && !Grow(*child, more)) return false;
    }
  }
  node.capacity = capacity;
  return true;
}

// Adds what stands for an absent field. There is room for it.
bool Decoder::Begin(Node& node) {
  const int64_t i = node.length++;
  if (node.tracked) node.valid.data()[i] = 0;
  switch (node.op) {
    case Op::kText:
      if (!node.default_text.empty()) [[unlikely]] {
        return Text(node, reinterpret_cast<const uint8_t*>(node.default_text.data()),
                    node.default_text.size() - kPadding) != nullptr;
      }
      node.values.as<int32_t>()[i + 1] = static_cast<int32_t>(node.data_length);
      return true;
    case Op::kList:
    case Op::kMap:
      node.values.as<int32_t>()[i + 1] = static_cast<int32_t>(node.children[0]->length);
      return true;
    case Op::kMessage:
      for (const auto& child : node.children) {
        if (!Begin(*child)) return false;
      }
      return true;
    default:
      node.part_row = -1;
      switch (node.width) {
        case 1: node.values.data()[i] = static_cast<uint8_t>(node.default_value); break;
        case 4:
          node.values.as<uint32_t>()[i] = static_cast<uint32_t>(node.default_value);
          break;
        default: node.values.as<uint64_t>()[i] = node.default_value;
      }
      return true;
  }
}

void Decoder::Truncate(Node& node, int64_t length) {
  if (node.length <= length) return;
  node.length = length;
  switch (node.op) {
    case Op::kText: node.data_length = node.values.as<int32_t>()[length]; break;
    case Op::kList:
    case Op::kMap:
      for (const auto& child : node.children) {
        Truncate(*child, node.values.as<int32_t>()[length]);
      }
      break;
    case Op::kMessage:
      for (const auto& child : node.children) Truncate(*child, length);
      break;
    default: break;
  }
}

// The last value is as if it had never been set.
bool Decoder::Clear(Node& node) {
  Truncate(node, node.length - 1);
  return Begin(node);
}

const uint8_t* Decoder::Tag(const uint8_t* p, const uint8_t* end, uint32_t* number,
                            Wire* wire) {
  const uint8_t* const at = p;
  uint64_t tag = 0;
  p = ReadVarint(p, &tag);
  if (p == nullptr) return Fail(Fault::kNumber, nullptr, at);
  if (p > end) return Fail(Fault::kCut, nullptr, at);
  *number = static_cast<uint32_t>(tag >> 3);
  *wire = static_cast<Wire>(tag & 7);
  if (tag > UINT32_MAX || *number == 0 || (tag & 7) > 5) {
    return Fail(Fault::kTag, nullptr, at);
  }
  return p;
}

// The length at `p`; *stop is where what it counts ends.
const uint8_t* Decoder::Bounds(const uint8_t* p, const uint8_t* end,
                               const uint8_t** stop) {
  const uint8_t* const at = p;
  uint64_t size = 0;
  p = ReadVarint(p, &size);
  if (p == nullptr) return Fail(Fault::kNumber, nullptr, at);
  if (p > end || size > static_cast<uint64_t>(end - p)) {
    return Fail(Fault::kLength, nullptr, at);
  }
  *stop = p + size;
  return p;
}

// Passes over the value of a field.
const uint8_t* Decoder::Skip(Wire wire, uint32_t number, const uint8_t* p,
                             const uint8_t* end) {
  uint32_t open[kMostGroups];  // groups around `p`
  int groups = 0;
  for (;;) {
    const uint8_t* const at = p;
    switch (wire) {
      case Wire::kVarint: {
        uint64_t value = 0;
        p = ReadVarint(p, &value);
        if (p == nullptr) return Fail(Fault::kNumber, nullptr, at);
        break;
      }
      case Wire::kFixed64: p += 8; break;
      case Wire::kFixed32: p += 4; break;
      case Wire::kBytes: {
        const uint8_t* stop = nullptr;
        p = Bounds(p, end, &stop);
        if (p == nullptr) return nullptr;
        p = stop;
        break;
      }
      case Wire::kGroup:
        if (groups == kMostGroups) return Fail(Fault::kGroup, nullptr, at);
        open[groups++] = number;
        break;
      case Wire::kEndGroup:
        if (groups == 0 || open[--groups] != number) {
          return Fail(Fault::kGroup, nullptr, at);
        }
        break;
    }
    if (p > end) return Fail(Fault::kCut, nullptr, at);
    if (groups == 0) return p;
    p = Tag(p, end, &number, &wire);
    if (p == nullptr) return nullptr;
  }
}

// The last text of the column becomes these bytes, which have kPadding behind them.
const uint8_t* Decoder::Text(Node& node, const uint8_t* p, uint64_t size) {
  if (node.check_utf8 && !IsUtf8(p, size)) return Fail(Fault::kUtf8, &node, p);
  int32_t* const offsets = node.values.as<int32_t>();
  const int64_t i = node.length - 1;
  const auto bytes = static_cast<int64_t>(size);
  const int64_t from = offsets[i];
  if (from + bytes > INT32_MAX) return Fail(Fault::kTooMany, &node, p);
  if (from + bytes + kShort > node.data.capacity()) [[unlikely]] {
    Status status = node.data.Reserve(from + bytes + kShort, pool_);
    if (!status.ok()) {
      status_ = std::move(status);
      return Fail(Fault::kMemory, &node, p);
    }
  }
  uint8_t* const out = node.data.data() + from;
  if (bytes <= kShort) [[likely]] {
    memcpy(out, p, kShort);
  } else {
    memcpy(out, p, size);
  }
  node.data_length = from + bytes;
  offsets[i + 1] = static_cast<int32_t>(node.data_length);
  return p + size;
}

// The code of an enum's number; false where it is no value of a closed one.
bool Decoder::CodeOf(Node& node, int32_t number, int32_t* code) {
  const EnumType& type = *node.enumeration;
  if (const auto known = type.codes.find(number); known != type.codes.end()) {
    *code = known->second;
    return true;
  }
  if (type.closed) return false;
  const auto next = static_cast<int32_t>(type.names.size() + node.strangers.size());
  const auto [place, fresh] = node.stranger_codes.emplace(number, next);
  if (fresh) node.strangers.push_back(number);
  *code = place->second;
  return true;
}

// A value of a fixed width, into the last one of the column.
const uint8_t* Decoder::Number(Node& node, const uint8_t* p, const uint8_t* end) {
  const int64_t i = node.length - 1;
  const uint8_t* const at = p;
  switch (node.op) {
    case Op::kFixed32:
      node.values.as<uint32_t>()[i] = Load<uint32_t>(p);
      p += 4;
      break;
    case Op::kFixed64:
      node.values.as<uint64_t>()[i] = Load<uint64_t>(p);
      p += 8;
      break;
    default: {
      uint64_t value = 0;
      p = ReadVarint(p, &value);
      if (p == nullptr) return Fail(Fault::kNumber, &node, at);
      switch (node.op) {
        case Op::kBool: node.values.data()[i] = value != 0; break;
        case Op::kVarint32:
          node.values.as<uint32_t>()[i] = static_cast<uint32_t>(value);
          break;
        case Op::kZigZag32:
          node.values.as<int32_t>()[i] =
              static_cast<int32_t>(UnZigZag(static_cast<uint32_t>(value)));
          break;
        case Op::kZigZag64: node.values.as<int64_t>()[i] = UnZigZag(value); break;
        default: node.values.as<uint64_t>()[i] = value;
      }
    }
  }
  if (p > end) return Fail(Fault::kCut, &node, at);
  return p;
}

// google.protobuf.Timestamp and Duration.
const uint8_t* Decoder::Moment(Node& node, const uint8_t* p, const uint8_t* end) {
  const uint8_t* const at = p;
  const int64_t i = node.length - 1;
  // The parts of one that stands twice are put together.
  if (node.part_row != i) {
    node.part_row = i;
    node.seconds = 0;
    node.fraction = 0;
  }
  while (p < end) {
    uint32_t number = 0;
    Wire wire;
    p = Tag(p, end, &number, &wire);
    if (p == nullptr) return nullptr;
    if (number > 2 || wire != Wire::kVarint) {
      p = Skip(wire, number, p, end);
      if (p == nullptr) return nullptr;
      continue;
    }
    uint64_t value = 0;
    p = ReadVarint(p, &value);
    if (p == nullptr) return Fail(Fault::kNumber, &node, at);
    if (p > end) return Fail(Fault::kCut, &node, at);
    if (number == 1) {
      node.seconds = static_cast<int64_t>(value);
    } else {
      node.fraction = static_cast<int32_t>(value);
    }
  }
  const int64_t seconds = node.seconds;
  const int64_t fraction = node.fraction;
  if (node.timestamp) {
    if (seconds < kFirstSecond || seconds > kLastSecond || fraction < 0 ||
        fraction >= kBillion) {
      return Fail(Fault::kMoment, &node, at);
    }
  } else if (seconds < -kMostSeconds || seconds > kMostSeconds || fraction <= -kBillion ||
             fraction >= kBillion || (seconds < 0 && fraction > 0) ||
             (seconds > 0 && fraction < 0)) {
    return Fail(Fault::kMoment, &node, at);
  }
  int64_t value = 0;
  if (!node.nanos) {
    value = seconds * 1'000'000 + fraction / 1000;
  } else if (__builtin_mul_overflow(seconds, kBillion, &value) ||
             __builtin_add_overflow(value, fraction, &value)) {
    // The first second that is not whole overflows before its part is added.
    value = 0;
    if (seconds >= 0 || fraction <= 0 ||
        __builtin_mul_overflow(seconds + 1, kBillion, &value) ||
        __builtin_add_overflow(value, fraction - kBillion, &value)) {
      return Fail(Fault::kTime, &node, at);
    }
  }
  node.values.as<int64_t>()[i] = value;
  return p;
}

// One value into the last one of the column.
const uint8_t* Decoder::Value(Node& node, Wire wire, uint32_t number, const uint8_t* p,
                              const uint8_t* end) {
  switch (node.op) {
    case Op::kEnum: {
      const uint8_t* const at = p;
      uint64_t value = 0;
      p = ReadVarint(p, &value);
      if (p == nullptr) return Fail(Fault::kNumber, &node, at);
      if (p > end) return Fail(Fault::kCut, &node, at);
      int32_t code = 0;
      if (CodeOf(node, static_cast<int32_t>(value), &code)) {
        node.values.as<int32_t>()[node.length - 1] = code;
      }
      return p;
    }
    case Op::kText:
    case Op::kMoment: {
      const uint8_t* stop = nullptr;
      p = Bounds(p, end, &stop);
      if (p == nullptr) return nullptr;
      if (node.op == Op::kMoment) return Moment(node, p, stop);
      return Text(node, p, static_cast<uint64_t>(stop - p));
    }
    case Op::kMessage: {
      if (wire == Wire::kGroup) return Message(node, p, end, number);
      const uint8_t* stop = nullptr;
      p = Bounds(p, end, &stop);
      return p == nullptr ? nullptr : Message(node, p, stop, 0);
    }
    default: return Number(node, p, end);
  }
}

// google.protobuf.Int64Value and the like.
const uint8_t* Decoder::Wrapped(Node& node, const uint8_t* p, const uint8_t* end) {
  const uint8_t* stop = nullptr;
  p = Bounds(p, end, &stop);
  while (p != nullptr && p < stop) {
    uint32_t number = 0;
    Wire wire;
    p = Tag(p, stop, &number, &wire);
    if (p == nullptr) return nullptr;
    p = number == 1 && wire == node.wire ? Value(node, wire, number, p, stop)
                                         : Skip(wire, number, p, stop);
  }
  return p;
}

// A field that stands once, or whose last value counts.
const uint8_t* Decoder::Once(Node& node, Wire wire, uint32_t number, const uint8_t* p,
                             const uint8_t* end) {
  if (wire != (node.wrapped ? Wire::kBytes : node.wire)) [[unlikely]] {
    return Skip(wire, number, p, end);
  }
  const int64_t i = node.length - 1;
  if (node.op == Op::kEnum && !node.wrapped && node.enumeration->closed) {
    // A number that is none leaves all as it is.
    uint64_t value = 0;
    int32_t code = 0;
    const uint8_t* const next = ReadVarint(p, &value);
    if (next != nullptr && next <= end &&
        !CodeOf(node, static_cast<int32_t>(value), &code)) {
      return next;
    }
  }
  for (Node* rival : node.rivals) {
    if (rival->valid.data()[i] != 0 && !Clear(*rival)) return nullptr;
  }
  if (node.tracked) node.valid.data()[i] = 1;
  return node.wrapped ? Wrapped(node, p, end) : Value(node, wire, number, p, end);
}

// Many values of one length, without tags. [p, end) is all of them.
const uint8_t* Decoder::Packed(Node& item, const uint8_t* p, const uint8_t* end) {
  if (item.op == Op::kFixed32 || item.op == Op::kFixed64) {
    const int64_t bytes = end - p;
    const int64_t count = bytes / item.width;
    if (bytes % item.width != 0) return Fail(Fault::kCut, &item, p);
    if (item.length + count > item.capacity && !Grow(item, count)) return nullptr;
    if (bytes > 0) {
      memcpy(item.values.data() + item.length * item.width, p,
             static_cast<size_t>(bytes));
    }
    item.length += count;
    return end;
  }
  while (p < end) {
    if (item.op == Op::kEnum && item.enumeration->closed) {
      uint64_t value = 0;
      int32_t code = 0;
      const uint8_t* const next = ReadVarint(p, &value);
      if (next != nullptr && next <= end &&
          !CodeOf(item, static_cast<int32_t>(value), &code)) {
        p = next;
        continue;
      }
    }
    if (!BeginItem(item)) return nullptr;
    p = Value(item, item.wire, 0, p, end);
    if (p == nullptr) return nullptr;
  }
  return p;
}

const uint8_t* Decoder::List(Node& node, Wire wire, uint32_t number, const uint8_t* p,
                             const uint8_t* end) {
  Node& item = *node.children[0];
  if (wire == (item.wrapped ? Wire::kBytes : item.wire)) {
    if (item.op == Op::kEnum && !item.wrapped) {
      // As many as there are of one that is packed.
      const uint8_t* const at = p;
      uint64_t value = 0;
      p = ReadVarint(p, &value);
      if (p == nullptr || p > end) return Fail(Fault::kCut, &node, at);
      p = Packed(item, at, p);
    } else {
      if (!BeginItem(item)) return nullptr;
      p = item.wrapped ? Wrapped(item, p, end) : Value(item, wire, number, p, end);
    }
  } else if (wire == Wire::kBytes && item.wire != Wire::kGroup) {
    const uint8_t* stop = nullptr;
    p = Bounds(p, end, &stop);
    if (p != nullptr) p = Packed(item, p, stop);
  } else {
    return Skip(wire, number, p, end);
  }
  node.values.as<int32_t>()[node.length] = static_cast<int32_t>(item.length);
  return p;
}

// One of a map: a message of key and value.
const uint8_t* Decoder::Entry(Node& node, const uint8_t* p, const uint8_t* end) {
  Node& key = *node.children[0];
  Node& value = *node.children[1];
  if (!BeginItem(key) || !BeginItem(value)) return nullptr;
  const uint8_t* stop = nullptr;
  p = Bounds(p, end, &stop);
  if (p == nullptr) return nullptr;
  while (p < stop) {
    uint32_t number = 0;
    Wire wire;
    p = Tag(p, stop, &number, &wire);
    if (p == nullptr) return nullptr;
    p = number == 1   ? Once(key, wire, number, p, stop)
        : number == 2 ? Once(value, wire, number, p, stop)
                      : Skip(wire, number, p, stop);
    if (p == nullptr) return nullptr;
  }
  node.values.as<int32_t>()[node.length] = static_cast<int32_t>(key.length);
  return p;
}

// The fields in [p, end), into the last value of `node`. `group`: the number of the tag
// that ends them, 0 for none.
const uint8_t* Decoder::Message(Node& node, const uint8_t* p, const uint8_t* end,
                                uint32_t group) {
  while (p < end) {
    const uint8_t* const at = p;
    uint32_t number = 0;
    Wire wire;
    if (*p < 0x80 && *p >= 8 && (*p & 7) <= 5) [[likely]] {
      number = *p >> 3;
      wire = static_cast<Wire>(*p++ & 7);
    } else {
      p = Tag(p, end, &number, &wire);
      if (p == nullptr) return nullptr;
    }
    if (wire == Wire::kEndGroup) {
      return number == group ? p : Fail(Fault::kGroup, &node, at);
    }
    int32_t place = -1;
    if (number < node.near.size()) [[likely]] {
      place = node.near[number];
    } else if (const auto found = node.far.find(number); found != node.far.end()) {
      place = found->second;
    }
    if (place < 0) {
      p = Skip(wire, number, p, end);
    } else {
      Node& child = *node.children[static_cast<size_t>(place)];
      switch (child.op) {
        case Op::kList: p = List(child, wire, number, p, end); break;
        case Op::kMap:
          p = wire == Wire::kBytes ? Entry(child, p, end) : Skip(wire, number, p, end);
          break;
        default: p = Once(child, wire, number, p, end);
      }
    }
    if (p == nullptr) return nullptr;
  }
  return group == 0 ? p : Fail(Fault::kGroup, &node, p);
}

// Has value `i` of `node` all that it must have? Asked when the whole message is there,
// since the parts of one may come apart.
bool Decoder::HasRequired(Node& node, int64_t i) {
  if (!node.has_required) return true;
  switch (node.op) {
    case Op::kMessage:
      for (const auto& child : node.children) {
        if (child->required && child->valid.data()[i] == 0) {
          Fail(Fault::kRequired, child.get(), nullptr);
          return false;
        }
        if (child->tracked && child->valid.data()[i] == 0) continue;
        if (!HasRequired(*child, i)) return false;
      }
      return true;
    case Op::kList:
    case Op::kMap: {
      const int32_t* const offsets = node.values.as<int32_t>();
      for (const auto& child : node.children) {
        for (int64_t k = offsets[i]; k < offsets[i + 1]; ++k) {
          if (!HasRequired(*child, k)) return false;
        }
      }
      return true;
    }
    default: return true;
  }
}

Status Decoder::FaultStatus(const uint8_t* begin, int64_t offset) const {
  Where where{.file = file_, .byte = offset};
  if (fault_at_ != nullptr) where.byte += fault_at_ - begin;
  if (faulty_ != nullptr) where.column = faulty_->name;
  switch (fault_) {
    case Fault::kMemory: return status_;
    case Fault::kTooMany:
      return errors::kProtobufTooLarge.Make(where, "more than a column can hold");
    case Fault::kUtf8: return errors::kProtobufInvalidUtf8.Make(where, "");
    case Fault::kTime:
      return errors::kProtobufTime.Make(where, "{} seconds", faulty_->seconds);
    default: break;
  }
  const char* text = "";
  switch (fault_) {
    case Fault::kNumber: text = "a number is longer than 64 bits"; break;
    case Fault::kTag: text = "a field has no number or no known form"; break;
    case Fault::kLength: text = "a length leads out of the message"; break;
    case Fault::kGroup: text = "a group begins or ends where it can't"; break;
    case Fault::kRequired: text = "a required field is missing"; break;
    case Fault::kMoment: text = "a time has impossible seconds or nanoseconds"; break;
    default: text = "a message ends inside a field"; break;
  }
  return errors::kProtobufBroken.Make(where, "{}", text);
}

Status Decoder::Add(const uint8_t* begin, const uint8_t* end, int64_t offset) {
  fault_ = Fault::kNone;
  faulty_ = nullptr;
  fault_at_ = nullptr;
  const int64_t row = root_.length;
  if (BeginItem(root_) && Message(root_, begin, end, 0) != nullptr &&
      HasRequired(root_, row)) {
    return Status::OK();
  }
  Truncate(root_, row);
  return FaultStatus(begin, offset);
}

}  // namespace millrace::formats::protobuf_format
