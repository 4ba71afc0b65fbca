// Any bytes as an Avro container file: no crash, valid columns, and the same rows
// whatever a batch may hold, where reading stopped, and whether it comes from a file or a
// pipe. The first two bytes say how it is cut.
#include "fuzz/file_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::fuzz;  // NOLINT
  static const Subject avro{formats::MakeAvroFormat(), {{"max_block_bytes", "1MiB"}}};
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = Read(avro, bytes, {});
  const Budget small{.rows = 1 + data[0] % 16, .bytes = 1 + data[1]};
  // A marker that stands in the data, too, may mislead: such parts need not agree.
  (void)Read(avro, bytes, {.range_bytes = 1 + data[0]});
  if (whole.rows > avro.most_compared) return 0;
  for (const Way& way : {Way{.budget = small}, Way{.stream = true},
                         Way{.budget = small, .resume = true}}) {
    CheckSame(whole, Read(avro, bytes, way));
  }
  return 0;
}
