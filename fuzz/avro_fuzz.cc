// Any bytes as an Avro container file: no crash, valid columns, and the same rows
// whatever a batch may hold, where reading stopped, and whether it comes from a file or a
// pipe. The first two bytes say how it is cut; no more than 64 MiB may be taken.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <arrow/api.h>
#include <arrow/io/memory.h>

#include "millrace/base/error.h"
#include "millrace/base/memory_budget.h"
#include "millrace/formats/format.h"

namespace millrace::fuzz {
namespace {

constexpr int64_t kMostMemory = 64 << 20;
constexpr int64_t kMostCells = 1'000;  // that are compared

struct Way {
  Budget budget;
  int64_t range_bytes = int64_t{1} << 40;
  bool stream = false;
  bool resume = false;  // with a new reader after every batch
};

struct Outcome {
  Status status;
  int64_t rows = 0;
  std::string cells;
};

class Pipe final : public formats::ByteStream {
 public:
  explicit Pipe(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker&) override {
    *size = std::min<int64_t>({capacity, 7, static_cast<int64_t>(bytes_.size()) - at_});
    memcpy(out, bytes_.data() + at_, static_cast<size_t>(*size));
    at_ += *size;
    return *size == 0 ? State::kEnd : State::kBytes;
  }

 private:
  const std::string bytes_;
  int64_t at_ = 0;
};

Status ReadAll(const formats::Format& format, const std::string& bytes, const Way& way,
               arrow::MemoryPool* pool, Outcome* out) {
  ARROW_ASSIGN_OR_RAISE(const Config options,
                        format.read_options().Parse("avro", {{"max_block_bytes", "1MiB"}},
                                                    ConfigSpec::Lookup()));
  const formats::Context context{.pool = pool};
  formats::Input input{.name = "fuzz"};
  if (way.stream) {
    input.stream = std::make_shared<Pipe>(bytes);
  } else {
    input.file =
        std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
    input.file_size = static_cast<int64_t>(bytes.size());
  }
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
      for (int64_t r = 0; r < result.rows->num_rows(); ++r) {
        if (++out->rows > kMostCells) continue;
        for (const auto& column : result.rows->columns()) {
          ARROW_ASSIGN_OR_RAISE(auto scalar, column->GetScalar(r));
          out->cells += scalar->is_valid ? scalar->ToString() + "\x1f" : "\x1e";
        }
      }
      if (out->rows > 100 * kMostCells) return Status::OK();
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
  const auto format = formats::MakeAvroFormat();
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
  // A marker that stands in the data, too, may mislead: such parts need not agree.
  (void)Read(bytes, {.range_bytes = 1 + data[0]});
  if (whole.rows > kMostCells) return 0;
  for (const Way& way : {Way{.budget = small}, Way{.stream = true},
                         Way{.budget = small, .resume = true}}) {
    const Outcome other = Read(bytes, way);
    if (whole.status.ok() != other.status.ok() ||
        (whole.status.ok() && whole.cells != other.cells)) {
      std::fprintf(stderr, "ways differ\n%lld rows: %s\n%lld rows: %s\n",
                   static_cast<long long>(whole.rows), ErrorText(whole.status).c_str(),
                   static_cast<long long>(other.rows), ErrorText(other.status).c_str());
      std::abort();
    }
  }
  return 0;
}
