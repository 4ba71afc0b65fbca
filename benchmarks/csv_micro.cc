// csv_micro [million rows [rounds]]: typed parsing and formatting of CSV in memory, on
// one core.
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
  std::string out = "id,name,email,age,department,salary,created_at\n";
  out.reserve(static_cast<size_t>(rows) * 96);
  uint64_t state = 42;
  for (int64_t i = 1; i <= rows; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t r = state >> 20;
    const int64_t minutes = i / 8;
    fmt::format_to(std::back_inserter(out),
                   "{},User_{},user{}@example.com,{},{},{}.{:02},"
                   "2024-{:02}-{:02} {:02}:{:02}:{:02}\n",
                   i, i, i, 18 + r % 50, kDepartments[(r >> 8) % 5],
                   30000 + (r >> 12) % 120000, 1 + (r >> 30) % 99,
                   1 + minutes / 1440 / 28 % 12, 1 + minutes / 1440 % 28,
                   minutes / 60 % 24, minutes % 60, r % 60);
  }
  return out;
}

Status Run(int64_t rows, int rounds) {
  const std::string text = Generate(rows);
  const auto buffer = std::make_shared<arrow::Buffer>(text);
  auto format = formats::MakeCsvFormat();
  const formats::Context context{.pool = arrow::default_memory_pool()};
  ARROW_ASSIGN_OR_RAISE(const Config read_config,
                        format->read_options().Parse("csv", {}, {}));
  ARROW_ASSIGN_OR_RAISE(const Config write_config,
                        format->write_options().Parse("csv", {}, {}));
  const double gigabytes = static_cast<double>(text.size()) / 1e9;
  const double millions = static_cast<double>(rows) / 1e6;

  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::shared_ptr<arrow::Schema> schema;
  // The last round keeps its batches for the writer.
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    ARROW_ASSIGN_OR_RAISE(
        auto file,
        format->OpenReader({.name = "memory",
                            .file = std::make_shared<arrow::io::BufferReader>(buffer),
                            .file_size = static_cast<int64_t>(text.size())},
                           read_config, nullptr, context));
    schema = file->schema();
    ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(64 << 20));
    int64_t seen = 0;
    for (size_t i = 0; i < ranges.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, {}, context));
      for (;;) {
        ARROW_ASSIGN_OR_RAISE(auto result, reader->Next({}, Waker()));
        if (result.state == formats::ReadResult::State::kEnd) break;
        seen += result.rows->num_rows();
        if (round == rounds - 1) batches.push_back(result.rows);
      }
    }
    if (seen != rows) return Status::UnknownError("lost rows");
    if (round < rounds - 1) best = std::min(best, Seconds(start));
  }
  std::printf("schema   %s\n", schema->ToString().c_str());
  std::printf("parse    %.3f s  %.2f GB/s  %.1f M rows/s\n", best, gigabytes / best,
              millions / best);

  best = 1e9;
  int64_t written = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    Sink sink;
    ARROW_ASSIGN_OR_RAISE(auto writer,
                          format->OpenWriter(sink, write_config, schema, false, context));
    for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->Write(batch));
    ARROW_RETURN_NOT_OK(writer->Finish());
    best = std::min(best, Seconds(start));
    written = sink.position();
  }
  std::printf("format   %.3f s  %.2f GB/s  %.1f M rows/s\n", best,
              static_cast<double>(written) / 1e9 / best, millions / best);
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
