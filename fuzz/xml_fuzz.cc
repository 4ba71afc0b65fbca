// Whatever an object store answers: it is parsed or refused, and what is escaped comes
// back as it was.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "millrace/io/http/http_client.h"
#include "millrace/io/object_store/profile_files.h"
#include "millrace/io/object_store/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::io;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ParseXml(text);
  (void)ParseProfiles(text);
  if (UrlUnescaped(UrlEscaped(text, false), true) != text) std::abort();
  const auto inside = ParseXml("<a>" + XmlEscaped(text) + "</a>");
  if (inside.ok() && inside->text != text) std::abort();
  return 0;
}
