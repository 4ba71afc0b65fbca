// ObjectWalker: finds the values of an object's fields.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/formats/json/tokens.h"

namespace millrace::formats::json {

/// What is wrong, and where.
struct Fault {
  const ErrorSpec* spec = nullptr;
  uint32_t byte = 0;  ///< offset in the tokens' text
  int field = -1;     ///< index among the names; -1: none of them
  std::string text;
};

/// Knows the names of one object type. Fields mostly come in one order, so the name that
/// followed last time is tried first; only when it is not that one are they looked up.
/// Used by one thread.
class ObjectWalker {
 public:
  /// `unknown_fails`: a name that is none of `names` is a fault.
  ObjectWalker(std::vector<std::string> names, bool unknown_fails);

  size_t size() const { return keys_.size(); }
  const std::string& name(size_t i) const { return keys_[i].name; }

  /// The object begins at `token`. Puts the token of each field's value into its place of
  /// `cells`, which hold 0. Answers the token after the object, or 0 and the fault.
  uint32_t Walk(const Tokens& tokens, uint32_t token, uint32_t* cells, Fault* fault);

 private:
  struct Key {
    std::string name;
    uint64_t head[2] = {0, 0};
    uint64_t mask[2] = {0, 0};
    int32_t next = 0;  // the field that came after this one last time
  };

  static void Mask(size_t size, uint64_t (&mask)[2]);
  static bool Matches(const Key& key, const char* text, size_t size);
  static uint32_t Hash(const char* text, size_t size);
  int32_t Find(const char* text, size_t size);
  int32_t Lookup(const char* text, size_t size);

  std::vector<Key> keys_;
  std::vector<int32_t> slots_;  // open addressing; -1: free
  uint32_t slot_mask_ = 0;
  bool unknown_fails_;
  int32_t first_ = 0;      // the field that came first last time
  int32_t previous_ = -1;  // in the object being walked
  std::string scratch_;
};

}  // namespace millrace::formats::json
