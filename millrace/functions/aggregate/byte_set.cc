#include "millrace/functions/aggregate/byte_set_internal.h"

#include <algorithm>
#include <cstring>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace::functions {

std::pair<uint32_t, bool> ByteSet::Insert(std::string_view key) {
  if ((entries_.size() + 1) * 2 > slots_.size()) Grow();
  const uint64_t hash = XXH3_64bits(key.data(), key.size());
  size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != kFree; slot = (slot + 1) & (slots_.size() - 1)) {
    const Entry& entry = entries_[slots_[slot]];
    if (entry.hash == hash && entry.length == key.size() &&
        std::memcmp(arena_.data() + entry.offset, key.data(), key.size()) == 0) {
      return {slots_[slot], false};
    }
  }
  const auto number = static_cast<uint32_t>(entries_.size());
  slots_[slot] = number;
  entries_.push_back({hash, arena_.size(), key.size()});
  arena_.insert(arena_.end(), key.begin(), key.end());
  return {number, true};
}

void ByteSet::Clear() {
  slots_.clear();
  entries_.clear();
  arena_.clear();
}

int64_t ByteSet::bytes() const {
  return static_cast<int64_t>(slots_.capacity() * sizeof(uint32_t) +
                              entries_.capacity() * sizeof(Entry) + arena_.capacity());
}

void ByteSet::Grow() {
  slots_.assign(std::max<size_t>(64, slots_.size() * 2), kFree);
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = entries_[i].hash & (slots_.size() - 1);
    while (slots_[slot] != kFree) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<uint32_t>(i);
  }
}

void AppendCanonical(arrow::Type::type id, std::string_view bytes, std::string* key) {
  if (id == arrow::Type::DOUBLE) {
    double value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    value = value != value ? std::numeric_limits<double>::quiet_NaN() : value + 0.0;
    key->append(reinterpret_cast<const char*>(&value), sizeof(value));
  } else if (id == arrow::Type::FLOAT) {
    float value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    value = value != value ? std::numeric_limits<float>::quiet_NaN() : value + 0.0F;
    key->append(reinterpret_cast<const char*>(&value), sizeof(value));
  } else {
    // The length keeps ('ab', 'c') and ('a', 'bc') apart.
    const auto length = static_cast<uint32_t>(bytes.size());
    key->append(reinterpret_cast<const char*>(&length), sizeof(length));
    key->append(bytes);
  }
}

}  // namespace millrace::functions
