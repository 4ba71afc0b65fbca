// What an ORC file says of its columns, for several files that become one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::formats::orc_format {

/// One column: how many values it has, and between which they are. What one of the files
/// does not say of values that it has is left out of the whole.
class ColumnStatistics {
 public:
  /// Add what a message ColumnStatistics says. False when it is none.
  bool Add(std::string_view message);
  /// As a message.
  std::string Write() const;

 private:
  /// A field of a message within the message.
  using Place = std::pair<uint32_t, uint32_t>;
  struct Value {
    int64_t integer = 0;
    double real = 0;
    std::string text;
  };
  using Values = std::map<Place, Value>;

  static bool Read(uint32_t kind, std::string_view message, Values* out);
  static bool Combine(const Place& place, const Value& other, Value* into);

  uint64_t values_ = 0;
  uint64_t bytes_on_disk_ = 0;
  bool has_null_ = false;
  Values of_kind_;
};

}  // namespace millrace::formats::orc_format
