// Any bytes as JSON of every layout under options taken from the first four: no crash,
// and the same rows, dead letters and values whether the file is read in one piece or in
// many.
#include <array>

#include "fuzz/text_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;  // NOLINT
  if (size < 4) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 4, size - 4);
  auto bit = [data](int i) { return (data[i / 8] >> (i % 8) & 1) != 0; };
  fuzz::CheckEveryWay(
      formats::MakeJsonFormat(),
      {{"layout", std::array{"auto", "lines", "array", "objects"}[data[0] >> 3 & 3]},
       {"unknown_fields", bit(0) ? "fail" : "ignore"},
       {"sample_rows", bit(1) ? "1" : "100"},
       {"sample_bytes", bit(2) ? "16" : "65536"}},
      text, data + 2, false);
  return 0;
}
