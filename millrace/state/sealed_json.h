// One line of JSON and its checksum: the form of everything small that is kept.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "millrace/base/error.h"
#include "millrace/base/result.h"

namespace millrace::state {

/// `object` on one line, a line end, "xxh3 ", 16 digits of its hash, a line end.
std::string Sealed(const nlohmann::json& object);
/// What Sealed made, checked; `damaged` says what is wrong with the text of `where`.
Result<nlohmann::json> Unsealed(const std::string& text, const ErrorSpec& damaged,
                                const std::string& where);

/// What is wrong where Fields met something.
inline constexpr char kBadField[] = "a field is missing or of another kind";

/// 16 hexadecimal digits.
std::string HexDigits(uint64_t value);
std::string Base64(const std::string& bytes);

/// The fields of an object, asked for one by one, so that damaged text is an error and no
/// exception: `good` becomes false where one is not as it must be. Both outlive it.
class Fields {
 public:
  Fields(const nlohmann::json& object, bool* good);
  /// null where there is none.
  const nlohmann::json& Get(const char* name) const;
  bool Has(const char* name) const { return !Get(name).is_null(); }
  int64_t Integer(const char* name) const;
  std::string Text(const char* name) const;
  std::string Bytes(const char* name) const;  ///< of base64
  const nlohmann::json& List(const char* name) const;
  std::map<std::string, int64_t> Numbers(const char* name) const;

 private:
  const nlohmann::json& object_;
  bool* const good_;
};

}  // namespace millrace::state
