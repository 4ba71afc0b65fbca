// Any bytes as an ORC file: no crash, valid columns and errors with numbers, whatever a
// batch may hold and where reading stopped. The first two bytes say how it is cut. What
// rows a damaged file has is not compared: the library skips over bytes that it does not
// decode.
#include "fuzz/file_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::fuzz;  // NOLINT
  static const Subject orc{formats::MakeOrcFormat(), {}};
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = Read(orc, bytes, {});
  const Budget small{.rows = 1 + data[0] % 16, .bytes = 1 + data[1]};
  if (whole.rows > kMostRows) return 0;
  for (const Way& way : {Way{.budget = small}, Way{.range_bytes = 1 + data[0]},
                         Way{.budget = small, .resume = true}}) {
    (void)Read(orc, bytes, way);
  }
  return 0;
}
