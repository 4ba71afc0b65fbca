// JsonReader: single values out of JSON texts, read no further than needed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/functions/scalar/json_path_internal.h"

namespace millrace::functions {

/// What of a value is wanted as text.
enum class JsonForm {
  kAny,       ///< every value, as JSON
  kScalar,    ///< strings without quotes, numbers and booleans; null is none
  kNested,    ///< objects and arrays, as JSON
  kUnquoted,  ///< strings without quotes, others as JSON; null is none
};

/// Reads one text after the other; used by one thread. Every answer is false where the
/// text is not JSON on the way to the value, or has no such value.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();

  /// Where the calls below look. Fails with errors::kBadJsonPath; the same path as before
  /// costs a comparison.
  Status SetPath(std::string_view path);

  bool Exists(std::string_view json);
  /// The value as compact JSON, or unquoted; `out` is replaced.
  bool Text(std::string_view json, JsonForm form, std::string* out);
  /// "object", "array", "string", "number", "boolean" or "null".
  bool TypeName(std::string_view json, std::string_view* out);
  /// Number of values of an array; false for anything else.
  bool ArrayLength(std::string_view json, int64_t* out);
  /// Read the keys of an object; false for anything else.
  bool ReadKeys(std::string_view json);
  /// Those of the last ReadKeys that was true, in their order, until the next call.
  const std::vector<std::string>& keys() const { return keys_; }
  /// Is all of the text one JSON value?
  bool Valid(std::string_view json);

 private:
  struct State;

  std::unique_ptr<State> state_;
  std::string path_text_ = "$";
  std::vector<JsonStep> path_;
  std::vector<std::string> keys_;
};

}  // namespace millrace::functions
