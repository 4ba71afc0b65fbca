// Names of columns, which count in any case.
#pragma once

#include <cctype>
#include <string>

namespace millrace::generators {

inline std::string Lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace millrace::generators
