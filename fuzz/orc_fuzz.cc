// Any bytes as an ORC file: no crash, valid columns and errors with numbers, whatever a
// batch may hold and where reading stopped. The first two bytes say how it is cut. What
// rows a damaged file has is not compared: the library skips over bytes that it does not
// decode. No more than 64 MiB may be taken from the pool.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <arrow/api.h>
#include <arrow/io/memory.h>

#include "millrace/base/error.h"
#include "millrace/base/memory_budget.h"
#include "millrace/formats/format.h"

namespace millrace::fuzz {
namespace {

constexpr int64_t kMostMemory = 64 << 20;
constexpr int64_t kMostRows = 100'000;

struct Way {
  Budget budget;
  int64_t range_bytes = int64_t{1} << 40;
  bool resume = false;  // with a new reader after every batch
};

struct Outcome {
  Status status;
  int64_t rows = 0;
};

Status ReadAll(const formats::Format& format, const std::string& bytes, const Way& way,
               arrow::MemoryPool* pool, Outcome* out) {
  ARROW_ASSIGN_OR_RAISE(const Config options,
                        format.read_options().Parse("orc", {}, ConfigSpec::Lookup()));
  const formats::Context context{.pool = pool};
  formats::Input input{.name = "fuzz"};
  input.file =
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
  input.file_size = static_cast<int64_t>(bytes.size());
  ARROW_ASSIGN_OR_RAISE(
      auto file, format.OpenReader(std::move(input), options, nullptr, nullptr, context));
  ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(way.range_bytes));
  for (size_t i = 0; i < ranges.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, {}, context));
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(auto result, reader->Next(way.budget, Waker()));
      if (result.state == formats::ReadResult::State::kEnd) break;
      const Status valid = result.rows->ValidateFull();
      if (!valid.ok()) {
        std::fprintf(stderr, "not valid: %s\n", valid.ToString().c_str());
        std::abort();
      }
      out->rows += result.rows->num_rows();
      if (out->rows > kMostRows) return Status::OK();
      if (way.resume) {
        ARROW_ASSIGN_OR_RAISE(reader, file->Open(i, {}, context));
        ARROW_RETURN_NOT_OK(reader->Seek(result.position));
      }
    }
  }
  return Status::OK();
}

Outcome Read(const std::string& bytes, const Way& way) {
  Outcome out;
  const auto memory = MemoryBudget::Make(kMostMemory, ProcessMemoryPool());
  const auto format = formats::MakeOrcFormat();
  out.status = ReadAll(*format, bytes, way, memory->pool(), &out);
  if (!out.status.ok() && ErrorNumber(out.status) == 9000) {
    std::fprintf(stderr, "no number: %s\n", out.status.ToString().c_str());
    std::abort();
  }
  return out;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::fuzz;  // NOLINT
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = Read(bytes, {});
  const Budget small{.rows = 1 + data[0] % 16, .bytes = 1 + data[1]};
  if (whole.rows > kMostRows) return 0;
  for (const Way& way : {Way{.budget = small}, Way{.range_bytes = 1 + data[0]},
                         Way{.budget = small, .resume = true}}) {
    (void)Read(bytes, way);
  }
  return 0;
}
