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
    Slot wanted;
    uint64_t head[2];
    memcpy(head, text, 16);
    const auto& mask = kHeadMasks[size < 16 ? size : 16];
    wanted.head[0] = head[0] & mask[0];
    wanted.head[1] = head[1] & mask[1];
    wanted.size = static_cast<uint32_t>(size);
    uint64_t tail = 0;
    if (size > 16) [[unlikely]]
      memcpy(&tail, text + size - 8, 8);
    const uint32_t hash = Hash(wanted.head[0], wanted.head[1] ^ tail, wanted.size);
    wanted.hash = hash;
    for (uint32_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.id < 0) return Add(at, wanted, text, size);
      if (slot.head[0] == wanted.head[0] && slot.head[1] == wanted.head[1] &&
          slot.size == wanted.size &&
          (size <= 16 ||
           memcmp(entries_[static_cast<size_t>(slot.id)].data(), text, size) == 0)) {
        return slot.id;
      }
    }
  }

  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  struct Slot {
    uint64_t head[2] = {0, 0};
    uint32_t size = 0;
    uint32_t hash = 0;
    int32_t id = -1;
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

  [[gnu::noinline]] int32_t Add(uint32_t at, Slot slot, const char* text, size_t size) {
    slot.id = this->size();
    entries_.emplace_back(text, size);
    slots_[at] = slot;
    if (entries_.size() * 4 > slots_.size()) Grow();
    return slot.id;
  }

  void Grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = static_cast<uint32_t>(slots_.size() - 1);
    for (const Slot& slot : old) {
      if (slot.id < 0) continue;
      uint32_t at = slot.hash & mask_;
      while (slots_[at].id >= 0) at = (at + 1) & mask_;
      slots_[at] = slot;
    }
  }

  std::vector<std::string> entries_;
  std::vector<Slot> slots_ = std::vector<Slot>(256);
  uint32_t mask_ = 255;
};

}  // namespace millrace::formats
