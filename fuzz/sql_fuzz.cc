// Any text parses or fails with an error; what parses prints to text that parses to the
// same text.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "millrace/sql/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = millrace::sql::Parse(text);
  if (!first.ok()) return 0;
  const std::string printed = millrace::sql::ToSql(*first);
  const auto second = millrace::sql::Parse(printed);
  if (!second.ok() || millrace::sql::ToSql(*second) != printed) {
    std::fprintf(stderr, "printed: %s\nagain: %s\n", printed.c_str(),
                 second.ok() ? millrace::sql::ToSql(*second).c_str()
                             : second.status().ToString().c_str());
    std::abort();
  }
  return 0;
}
