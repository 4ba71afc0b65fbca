// Any bytes as fixed-width text under options taken from the first four: no crash, and
// the same rows, dead letters and fields whether the file is read in one piece or in
// many.
#include "fuzz/text_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;  // NOLINT
  if (size < 4) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 4, size - 4);
  auto bit = [data](int i) { return (data[i / 8] >> (i % 8) & 1) != 0; };
  std::map<std::string, std::string> given{
      {"header", bit(0) ? "true" : "false"},
      {"trim", bit(1) ? "true" : "false"},
      {"all_varchar", bit(2) ? "true" : "false"},
      {"on_short", bit(3) ? (bit(4) ? "fail" : "dead_letter") : "pad"},
      {"skip_rows", bit(5) ? "1" : "0"},
      {"sample_rows", bit(6) ? "1" : "100"}};
  if (bit(7)) {
    given["fields"] = bit(8) ? "a:1-2, b:2-5, c:9" : "b:4-9, a:1";
  } else {
    given["widths"] = bit(8) ? "1,2,3" : "4";
  }
  if (bit(9)) given["record_length"] = bit(10) ? "9" : "12";
  if (bit(11)) given["null"] = bit(12) ? "NA" : ",0";
  if (bit(13)) given["decimal"] = ",";
  if (bit(14)) given["thousands"] = ".";
  fuzz::CheckEveryWay(formats::MakeFixedFormat(), given, text, data + 2, bit(3));
  return 0;
}
