// Any bytes as NDJSON under options taken from the first four: no crash, and the same
// rows, dead letters and values whether the file is read in one piece or in many.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>

#include "millrace/base/error.h"
#include "millrace/formats/format.h"

namespace millrace {
namespace {

struct Outcome {
  Status status;
  int64_t rows = 0;
  int64_t dead_letters = 0;
  std::string cells;
};

struct Way {
  data::BadRowPolicy bad_rows;
  Budget budget;
  int64_t range_bytes;
};

Outcome Read(const std::string& text, const Config& options, const Way& way) {
  Outcome out;
  out.status = [&]() -> Status {
    const formats::Context context{.pool = arrow::default_memory_pool(),
                                   .bad_rows = way.bad_rows};
    ARROW_ASSIGN_OR_RAISE(auto file,
                          formats::MakeJsonFormat()->OpenReader(
                              {.name = "fuzz",
                               .file = std::make_shared<arrow::io::BufferReader>(
                                   arrow::Buffer::FromString(text)),
                               .file_size = static_cast<int64_t>(text.size())},
                              options, nullptr, context));
    ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(way.range_bytes));
    for (size_t i = 0; i < ranges.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, {}, context));
      for (;;) {
        ARROW_ASSIGN_OR_RAISE(auto result, reader->Next(way.budget, Waker()));
        out.dead_letters += static_cast<int64_t>(result.dead_letters.size());
        if (result.state == formats::ReadResult::State::kEnd) break;
        ARROW_RETURN_NOT_OK(result.rows->ValidateFull());
        out.rows += result.rows->num_rows();
        for (int64_t r = 0; r < result.rows->num_rows(); ++r) {
          for (const auto& column : result.rows->columns()) {
            ARROW_ASSIGN_OR_RAISE(auto scalar, column->GetScalar(r));
            out.cells += scalar->is_valid ? scalar->ToString() + "\x1f" : "\x1e";
          }
        }
      }
    }
    return Status::OK();
  }();
  return out;
}

[[noreturn]] void Fail(const char* what, const Outcome& a, const Outcome& b) {
  std::fprintf(stderr, "%s\n%lld rows, %lld dead: %s\n%lld rows, %lld dead: %s\n", what,
               static_cast<long long>(a.rows), static_cast<long long>(a.dead_letters),
               ErrorText(a.status).c_str(), static_cast<long long>(b.rows),
               static_cast<long long>(b.dead_letters), ErrorText(b.status).c_str());
  std::abort();
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;  // NOLINT
  if (size < 4) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 4, size - 4);
  auto bit = [data](int i) { return (data[i / 8] >> (i % 8) & 1) != 0; };
  const std::map<std::string, std::string> given{
      {"unknown_fields", bit(0) ? "fail" : "ignore"},
      {"sample_rows", bit(1) ? "1" : "100"},
      {"sample_bytes", bit(2) ? "16" : "65536"}};
  auto options = formats::MakeJsonFormat()->read_options().Parse("json", given,
                                                                 ConfigSpec::Lookup());
  if (!options.ok()) return 0;

  const int64_t range = 1 + data[2] % 64;
  const Budget small{.rows = 1 + data[3] % 16, .bytes = 1 + data[3] / 16 * 40};
  const int64_t whole = int64_t{1} << 40;
  const auto fail = data::BadRowPolicy::kFail;
  const auto dead = data::BadRowPolicy::kDeadLetter;
  const Outcome one = Read(text, *options, {dead, Budget(), whole});
  for (const Way& way :
       {Way{dead, small, whole}, Way{dead, Budget(), range}, Way{dead, small, range}}) {
    const Outcome many = Read(text, *options, way);
    if (one.status.ok() != many.status.ok() || one.rows != many.rows ||
        one.dead_letters != many.dead_letters || one.cells != many.cells) {
      Fail("one piece and many differ", one, many);
    }
  }
  const Outcome strict = Read(text, *options, {fail, Budget(), whole});
  if (strict.status.ok() && one.dead_letters != 0) {
    Fail("a row was set aside that fails nowhere", one, strict);
  }
  if (strict.status.ok() && one.cells != strict.cells) {
    Fail("policies give different rows", one, strict);
  }
  return 0;
}
