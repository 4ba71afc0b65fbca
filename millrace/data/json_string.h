// Text as a JSON string, for a few values; formats/json writes many.
#pragma once

#include <string>
#include <string_view>

namespace millrace::data {

/// `text` in quotes, with escapes for quotes, backslashes and control characters; every
/// other byte as it is.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace millrace::data
