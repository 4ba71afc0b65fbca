// Paths into JSON: $.a[0]."b c".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace::functions {

/// One step down: the field `key` of an object, or value `index` of an array.
struct JsonStep {
  bool is_index = false;
  std::string key;
  int64_t index = 0;  ///< from 0; negative from the end, -1 is the last
};

/// Read a path. A text that does not begin with $ is the name of one field. Fails with
/// errors::kBadJsonPath.
Result<std::vector<JsonStep>> ParseJsonPath(std::string_view text);

}  // namespace millrace::functions
