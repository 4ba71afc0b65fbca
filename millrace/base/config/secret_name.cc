#include "millrace/base/config/secret_name.h"

#include <cctype>
#include <string>

namespace millrace {

bool IsSecretName(std::string_view name) {
  std::string lower(name);
  for (char& c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* part : {"secret", "password", "passphrase", "token", "credential"}) {
    if (lower.find(part) != lower.npos) return true;
  }
  return lower.ends_with("_key");
}

}  // namespace millrace
