// Position: a place in a split, opaque to everyone but the connector that made it.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::data {

/// Small, serialisable bytes; ordered bytewise inside one split. Empty means the split's
/// beginning.
class Position {
 public:
  Position() = default;
  explicit Position(std::string bytes) : bytes_(std::move(bytes)) {}
  const std::string& bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  auto operator<=>(const Position&) const = default;

 private:
  std::string bytes_;
};

}  // namespace millrace::data
