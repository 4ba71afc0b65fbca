// Any bytes as CSV under options taken from the first four: no crash, and the same rows,
// dead letters and fields whether the file is read in one piece or in many.
#include "fuzz/text_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;  // NOLINT
  if (size < 4) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 4, size - 4);
  auto bit = [data](int i) { return (data[i / 8] >> (i % 8) & 1) != 0; };
  std::map<std::string, std::string> given{
      {"header", bit(0) ? (bit(1) ? "true" : "false") : "auto"},
      {"quote", bit(2) ? (bit(3) ? "none" : "'") : "\""},
      {"delimiter", bit(4) ? ";" : ","},
      {"trim", bit(5) ? "true" : "false"},
      {"quoted_empty_is_null", bit(6) ? "true" : "false"},
      {"all_varchar", bit(7) ? "true" : "false"},
      {"on_ragged", bit(8) ? (bit(9) ? "null" : "dead_letter") : "fail"},
      {"skip_rows", bit(10) ? "1" : "0"},
      {"sample_rows", bit(11) ? "1" : "100"}};
  if (bit(12)) given["null"] = bit(13) ? "NA" : ",0";
  if (bit(14)) given["escape"] = "\\";
  if (bit(15)) given["comment"] = "#";
  // The bytes that say how to cut the text serve here, too.
  if (bit(16)) given["decimal"] = ",";
  if (bit(24)) given["thousands"] = bit(17) ? "." : " ";
  fuzz::CheckEveryWay(formats::MakeCsvFormat(), given, text, data + 2, bit(8));
  return 0;
}
