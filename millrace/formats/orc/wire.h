// Protocol buffers as bytes: as much of them as the tail of an ORC file needs.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::formats::orc_format {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;      ///< kVarint, kFixed64, kFixed32
  std::string_view bytes;  ///< kBytes
  std::string_view whole;  ///< with its tag
};

/// The number that `rest` begins with, taken off it. False where there is none.
inline bool TakeVarint(std::string_view* rest, uint64_t* out) {
  *out = 0;
  for (int shift = 0; shift < 64 && !rest->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest->front());
    rest->remove_prefix(1);
    *out |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// The fields of one message, in order. Bytes that are none end it with ok() false.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  /// False at the end, or where the bytes are no field.
  bool Next(WireField* out) {
    if (rest_.empty() || !ok_) return false;
    const std::string_view begin = rest_;
    uint64_t tag = 0;
    ok_ = Varint(&tag) && (tag >> 3) != 0 && (tag >> 3) < (1U << 29) && Value(tag, out);
    if (ok_) out->whole = begin.substr(0, begin.size() - rest_.size());
    return ok_;
  }
  bool ok() const { return ok_; }

 private:
  bool Value(uint64_t tag, WireField* out) {
    out->number = static_cast<uint32_t>(tag >> 3);
    out->type = static_cast<WireType>(tag & 7);
    out->value = 0;
    out->bytes = {};
    switch (out->type) {
      case WireType::kVarint: return Varint(&out->value);
      case WireType::kFixed64: return Fixed(8, &out->value);
      case WireType::kFixed32: return Fixed(4, &out->value);
      case WireType::kBytes: {
        uint64_t size = 0;
        if (!Varint(&size) || size > rest_.size()) return false;
        out->bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
      }
    }
    return false;
  }

  bool Varint(uint64_t* out) { return TakeVarint(&rest_, out); }

  bool Fixed(size_t size, uint64_t* out) {
    if (rest_.size() < size) return false;
    memcpy(out, rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
};

/// Numbers one after another, as a packed field has them.
class VarintReader {
 public:
  explicit VarintReader(std::string_view bytes) : rest_(bytes) {}

  /// False at the end, or where the bytes are no number.
  bool Next(uint64_t* out) {
    if (rest_.empty() || !ok_) return false;
    ok_ = TakeVarint(&rest_, out);
    return ok_;
  }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// Puts fields at the end of a message.
class WireWriter {
 public:
  void Varint(uint32_t number, uint64_t value) {
    Tag(number, WireType::kVarint);
    Raw(value);
  }
  /// Numbers of either sign, as sint32 and sint64 are written.
  void ZigZag(uint32_t number, int64_t value) {
    Varint(number,
           (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Fixed64(uint32_t number, uint64_t value) {
    Tag(number, WireType::kFixed64);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Bytes(uint32_t number, std::string_view bytes) {
    Tag(number, WireType::kBytes);
    Raw(bytes.size());
    out_.append(bytes);
  }
  /// A field as it stood in another message.
  void Whole(std::string_view field) { out_.append(field); }

  const std::string& text() const { return out_; }

 private:
  void Tag(uint32_t number, WireType type) {
    Raw(uint64_t{number} << 3 | static_cast<uint64_t>(type));
  }
  void Raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  std::string out_;
};

inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

}  // namespace millrace::formats::orc_format
