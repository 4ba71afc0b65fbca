// Shape: which values a column's sample holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/json/tokens.h"
#include "millrace/formats/text_dictionary.h"

namespace millrace::formats::json {

/// Used by one thread.
class Shape {
 public:
  Shape();
  ~Shape();
  /// Count in the value at `token`, which is valid JSON.
  void Observe(const Tokens& tokens, uint32_t token, int depth = 0);

  std::shared_ptr<arrow::DataType> Type() const;
  /// Of an object's shape: one field a name, in the order in which they came.
  std::vector<std::shared_ptr<arrow::Field>> Fields() const;
  const Shape& field(size_t i) const { return *fields_[i].second; }
  /// Strings, of which many are equal.
  bool Repeats() const;

 private:
  void ObserveObject(const Tokens& tokens, uint32_t token, int depth);
  void ObserveList(const Tokens& tokens, uint32_t token, int depth);
  void ObserveString(const Tokens& tokens, std::string_view inside);

  uint32_t kinds_ = 0;
  std::vector<std::pair<std::string, std::unique_ptr<Shape>>> fields_;
  std::unordered_map<std::string, size_t> by_name_;
  std::unique_ptr<Shape> element_;
  std::unique_ptr<TextDictionary> distinct_;  // of the strings
  int64_t strings_ = 0;
};

}  // namespace millrace::formats::json
