// json_micro [million rows [rounds]]: parsing and formatting of NDJSON in memory, on one
// core.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>

#include "millrace/base/error.h"
#include "millrace/formats/format.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

// Counts what is written and forgets it.
class Sink final : public io::WritableFile {
 public:
  Status Write(const void*, int64_t size) override {
    position_ += size;
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return position_; }

 private:
  int64_t position_ = 0;
};

std::string Generate(int64_t rows) {
  constexpr const char* kDepartments[] = {"Engineering", "Marketing", "Sales", "HR",
                                          "Finance"};
  std::string out;
  out.reserve(static_cast<size_t>(rows) * 160);
  uint64_t state = 42;
  for (int64_t i = 1; i <= rows; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t r = state >> 20;
    const int64_t minutes = i / 8;
    fmt::format_to(std::back_inserter(out),
                   R"({{"id":{},"name":"User_{}","email":"user{}@example.com","age":{},)"
                   R"("department":"{}","salary":{}.{:02},)"
                   R"("created_at":"2024-{:02}-{:02} {:02}:{:02}:{:02}"}})"
                   "\n",
                   i, i, i, 18 + r % 50, kDepartments[(r >> 8) % 5],
                   30000 + (r >> 12) % 120000, 1 + (r >> 30) % 99,
                   1 + minutes / 1440 / 28 % 12, 1 + minutes / 1440 % 28,
                   minutes / 60 % 24, minutes % 60, r % 60);
  }
  return out;
}

struct Pass {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  double seconds = 0;
};

Result<Pass> Parse(const formats::Format& format,
                   const std::shared_ptr<arrow::Buffer>& buffer, int64_t rows,
                   const formats::Pushdown& pushdown, bool keep) {
  const formats::Context context{.pool = arrow::default_memory_pool()};
  ARROW_ASSIGN_OR_RAISE(const Config config, format.read_options().Parse("json", {}, {}));
  Pass out;
  const auto start = Clock::now();
  ARROW_ASSIGN_OR_RAISE(
      auto file,
      format.OpenReader({.name = "memory",
                         .file = std::make_shared<arrow::io::BufferReader>(buffer),
                         .file_size = buffer->size()},
                        config, nullptr, context));
  out.schema = file->schema();
  ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(64 << 20));
  int64_t seen = 0;
  for (size_t i = 0; i < ranges.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, pushdown, context));
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(auto result, reader->Next({}, Waker()));
      if (result.state == formats::ReadResult::State::kEnd) break;
      seen += result.rows->num_rows();
      if (keep) out.batches.push_back(result.rows);
    }
  }
  out.seconds = Seconds(start);
  if (seen != rows) return Status::UnknownError("lost rows");
  return out;
}

Status Run(int64_t rows, int rounds) {
  const std::string text = Generate(rows);
  const auto buffer = std::make_shared<arrow::Buffer>(text);
  auto format = formats::MakeJsonFormat();
  const formats::Context context{.pool = arrow::default_memory_pool()};
  const double gigabytes = static_cast<double>(text.size()) / 1e9;
  const double millions = static_cast<double>(rows) / 1e6;
  const std::pair<const char*, formats::Pushdown> passes[] = {
      {"parse all", {}}, {"parse 2 of 7", {.columns = std::vector<int>{0, 5}}}};
  for (const auto& [name, pushdown] : passes) {
    double best = 1e9;
    for (int round = 0; round < rounds; ++round) {
      ARROW_ASSIGN_OR_RAISE(const Pass pass,
                            Parse(*format, buffer, rows, pushdown, false));
      best = std::min(best, pass.seconds);
    }
    std::printf("%-12s %.3f s  %.2f GB/s  %.1f M rows/s\n", name, best, gigabytes / best,
                millions / best);
  }
  ARROW_ASSIGN_OR_RAISE(const Pass pass, Parse(*format, buffer, rows, {}, true));
  ARROW_ASSIGN_OR_RAISE(const Config config,
                        format->write_options().Parse("json", {}, {}));
  double best = 1e9;
  int64_t written = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    Sink sink;
    ARROW_ASSIGN_OR_RAISE(auto writer,
                          format->OpenWriter(sink, config, pass.schema, false, context));
    for (const auto& batch : pass.batches) ARROW_RETURN_NOT_OK(writer->Write(batch));
    ARROW_RETURN_NOT_OK(writer->Finish());
    best = std::min(best, Seconds(start));
    written = sink.position();
  }
  std::printf("%-12s %.3f s  %.2f GB/s  %.1f M rows/s\n", "format", best,
              static_cast<double>(written) / 1e9 / best, millions / best);
  std::printf("%s\n", pass.schema->ToString().c_str());
  return Status::OK();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const int64_t millions = argc > 1 ? std::atoll(argv[1]) : 5;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 6;
  const millrace::Status status = millrace::Run(millions * 1000000, rounds);
  if (!status.ok()) std::fprintf(stderr, "%s\n", millrace::ErrorText(status).c_str());
  return status.ok() ? 0 : 1;
}
