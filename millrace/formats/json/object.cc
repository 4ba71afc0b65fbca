#include "millrace/formats/json/object.h"

#include "millrace/formats/input.h"
#include "millrace/formats/json/errors.h"

namespace millrace::formats::json {

ObjectWalker::ObjectWalker(std::vector<std::string> names, bool unknown_fails)
    : unknown_fails_(unknown_fails) {
  size_t slots = 8;
  while (slots < names.size() * 4) slots *= 2;
  slots_.assign(slots, -1);
  slot_mask_ = static_cast<uint32_t>(slots - 1);
  for (std::string& name : names) {
    Key key;
    key.name = std::move(name);
    // Names are compared by words, whatever their length.
    key.name.append(kPadding, '\0');
    key.name.resize(key.name.size() - kPadding);
    Mask(key.name.size(), key.mask);
    memcpy(key.head, key.name.data(), std::min<size_t>(key.name.size(), 16));
    key.next = static_cast<int32_t>(keys_.size() + 1);
    uint32_t slot = Hash(key.name.data(), key.name.size()) & slot_mask_;
    while (slots_[slot] >= 0) slot = (slot + 1) & slot_mask_;
    slots_[slot] = static_cast<int32_t>(keys_.size());
    keys_.push_back(std::move(key));
  }
  if (!keys_.empty()) keys_.back().next = 0;
}

void ObjectWalker::Mask(size_t size, uint64_t (&mask)[2]) {
  for (size_t i = 0; i < 16 && i < size; ++i) {
    mask[i / 8] |= uint64_t{0xFF} << i % 8 * 8;
  }
}

inline bool ObjectWalker::Matches(const Key& key, const char* text, size_t size) {
  uint64_t head[2];
  memcpy(head, text, 16);
  const uint64_t different =
      ((head[0] ^ key.head[0]) & key.mask[0]) | ((head[1] ^ key.head[1]) & key.mask[1]);
  return (different | (size ^ key.name.size())) == 0 &&
         (size <= 16 || memcmp(key.name.data(), text, size) == 0);
}

uint32_t ObjectWalker::Hash(const char* text, size_t size) {
  uint64_t hash = size;
  for (size_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(text[i])) * 0x100000001B3;
  }
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

int32_t ObjectWalker::Lookup(const char* text, size_t size) {
  for (uint32_t slot = Hash(text, size) & slot_mask_; slots_[slot] >= 0;
       slot = (slot + 1) & slot_mask_) {
    if (keys_[static_cast<size_t>(slots_[slot])].name == std::string_view(text, size)) {
      return slots_[slot];
    }
  }
  return -1;
}

inline int32_t ObjectWalker::Find(const char* text, size_t size) {
  if (keys_.empty()) return -1;
  int32_t& expected = previous_ < 0 ? first_ : keys_[static_cast<size_t>(previous_)].next;
  if (!Matches(keys_[static_cast<size_t>(expected)], text, size)) [[unlikely]] {
    const int32_t found = Lookup(text, size);
    if (found < 0) return -1;
    expected = found;
  }
  previous_ = expected;
  return previous_;
}

uint32_t ObjectWalker::Walk(const Tokens& tokens, uint32_t token, uint32_t* cells,
                            Fault* fault) {
  auto fail = [&](const ErrorSpec& spec, uint32_t at, int field, std::string text) {
    *fault = {&spec, tokens.at[at], field, std::move(text)};
    return uint32_t{0};
  };
  previous_ = -1;
  if (tokens.kind(token + 1) == '}') return token + 2;
  // `token` stands at the brace or comma before a field.
  for (;;) {
    const uint32_t key = token + 1;
    if (tokens.kind(key) != '"' || tokens.kind(key + 1) != ':') [[unlikely]] {
      return fail(errors::kJsonMalformed, tokens.kind(key) == '"' ? key + 1 : key, -1,
                  tokens.kind(key) == '"' ? "expected ':' after a name"
                                          : "expected a name in quotes");
    }
    std::string_view name = Tokens::Inside(tokens.TextOf(key));
    if (tokens.HasEscape(name)) [[unlikely]] {
      scratch_.resize(name.size() + kPadding);
      const char* end = tokens.Unescape(name.data(), scratch_.data());
      if (end == nullptr) {
        return fail(errors::kJsonMalformed, key, -1, "an escape in a name is wrong");
      }
      name = {scratch_.data(), static_cast<size_t>(end - scratch_.data())};
    }
    const int32_t field = Find(name.data(), name.size());
    const uint32_t value = key + 2;
    if (field >= 0) [[likely]] {
      uint32_t& cell = cells[field];
      if (cell != 0) [[unlikely]] {
        return fail(errors::kJsonDuplicateKey, key, field, "");
      }
      cell = value;
    } else if (unknown_fails_) {
      return fail(errors::kJsonUnknownField, key, -1, fmt::format("'{}'", Excerpt(name)));
    }
    token = SkipValue(tokens, value);
    if (token == 0) [[unlikely]] {
      return fail(errors::kJsonMalformed, value, field, "expected a value");
    }
    const char after = tokens.kind(token);
    if (after == '}') return token + 1;
    if (after != ',') [[unlikely]] {
      return fail(errors::kJsonMalformed, token, field, "expected ',' or '}'");
    }
  }
}

}  // namespace millrace::formats::json
