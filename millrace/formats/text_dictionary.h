// TextDictionary: numbers the distinct strings of a column.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace millrace::formats {

/// Open addressing on the length and the first 16 bytes, which decide alone for the short
/// strings that such columns hold. Used by one thread.
class TextDictionary {
 public:
  /// Bytes after the beginning of a string that Find may read, whatever its length.
  static constexpr size_t kReadable = 16;

  /// The number of the string, a new one when it has none yet.
  [[gnu::always_inline]] int32_t Find(const char* text, size_t size) {
    Key wanted;
    uint64_t head[2];
    memcpy(head, text, 16);
    const auto& mask = kHeadMasks[size < 16 ? size : 16];
    wanted.head[0] = head[0] & mask[0];
    wanted.head[1] = head[1] & mask[1];
    wanted.size = static_cast<uint32_t>(size);
    uint64_t tail = 0;
    if (size > 16) [[unlikely]]
      memcpy(&tail, text + size - 8, 8);
    wanted.hash = Hash(wanted.head[0], wanted.head[1] ^ tail, wanted.size);
    for (uint32_t at = wanted.hash & mask_;; at = (at + 1) & mask_) {
      const int32_t id = slots_[at];
      if (id < 0) [[unlikely]]
        return Add(at, wanted, text, size);
      const Key& key = keys_[static_cast<size_t>(id)];
      const uint64_t differs = (key.head[0] ^ wanted.head[0]) |
                               (key.head[1] ^ wanted.head[1]) | (key.size ^ wanted.size);
      if (differs == 0 && (size <= 16 || memcmp(entries_[static_cast<size_t>(id)].data(),
                                                text, size) == 0)) [[likely]] {
        return id;
      }
    }
  }

  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  struct Key {
    uint64_t head[2] = {0, 0};
    uint32_t size = 0;
    uint32_t hash = 0;
  };

  // Keeps the first 0 … 16 bytes of two words. A table, because lengths vary from row to
  // row and branches on them would be mispredicted.
  static constexpr auto kHeadMasks = [] {
    std::array<std::array<uint64_t, 2>, 17> masks{};
    for (size_t size = 0; size <= 16; ++size) {
      for (size_t i = 0; i < size; ++i) masks[size][i / 8] |= uint64_t{0xFF} << i % 8 * 8;
    }
    return masks;
  }();
  static uint32_t Hash(uint64_t a, uint64_t b, uint32_t size) {
    const uint64_t mixed = (a ^ (b * 0x9E3779B97F4A7C15)) + size;
    return static_cast<uint32_t>((mixed * 0xD6E8FEB86659FD93) >> 32);
  }

  [[gnu::noinline]] int32_t Add(uint32_t at, const Key& key, const char* text,
                                size_t size) {
    const int32_t id = this->size();
    entries_.emplace_back(text, size);
    keys_.push_back(key);
    slots_[at] = id;
    if (entries_.size() * 8 > slots_.size()) Grow();
    return id;
  }

  void Grow() {
    slots_.assign(slots_.size() * 2, -1);
    mask_ = static_cast<uint32_t>(slots_.size() - 1);
    for (size_t id = 0; id < keys_.size(); ++id) {
      uint32_t at = keys_[id].hash & mask_;
      while (slots_[at] >= 0) at = (at + 1) & mask_;
      slots_[at] = static_cast<int32_t>(id);
    }
  }

  // Apart from the keys, so that many of these small slots can be empty and all of both
  // stays in the first-level cache: rows come in any order, and neither a second probe
  // nor a slower cache could be foreseen.
  std::vector<int32_t> slots_ = std::vector<int32_t>(256, -1);
  uint32_t mask_ = 255;
  std::vector<Key> keys_;
  std::vector<std::string> entries_;
};

}  // namespace millrace::formats
