// What csv_micro and json_micro share: reading and writing a text format in memory, on
// one core.
//
//   <name>_micro [million rows | file [rounds [option=value ...]]]
//
// Without a file, rows are made up by the format's generator; options are the read
// options of the format. Times are the least of all rounds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>

#include "millrace/base/error.h"
#include "millrace/formats/format.h"

namespace millrace::micro {

using Clock = std::chrono::steady_clock;

inline double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

/// Counts what is written and forgets it.
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

/// A made-up user.
struct User {
  int64_t id, age, salary, cents, month, day, hour, minute, second;
  const char* department;
};

/// Appends `rows` users, in time order, each by format(out, user).
template <class Format>
void AppendUsers(int64_t rows, std::string* out, Format&& format) {
  constexpr const char* kDepartments[] = {"Engineering", "Marketing", "Sales", "HR",
                                          "Finance"};
  uint64_t state = 42;
  for (int64_t i = 1; i <= rows; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int64_t r = static_cast<int64_t>(state >> 20);
    const int64_t minutes = i / 8;
    format(std::back_inserter(*out), User{.id = i,
                                          .age = 18 + r % 50,
                                          .salary = 30000 + (r >> 12) % 120000,
                                          .cents = 1 + (r >> 30) % 99,
                                          .month = 1 + minutes / 1440 / 28 % 12,
                                          .day = 1 + minutes / 1440 % 28,
                                          .hour = minutes / 60 % 24,
                                          .minute = minutes % 60,
                                          .second = r % 60,
                                          .department = kDepartments[(r >> 8) % 5]});
  }
}

/// One format under measurement.
class TextMicro {
 public:
  TextMicro(std::unique_ptr<formats::Format> format, std::shared_ptr<arrow::Buffer> text,
            std::map<std::string, std::string> options, int rounds)
      : format_(std::move(format)),
        text_(std::move(text)),
        options_(std::move(options)),
        rounds_(rounds) {}

  Status Run() {
    ARROW_ASSIGN_OR_RAISE(const Pass all, Parse({}, true));
    ARROW_RETURN_NOT_OK(MeasureParse("parse", {}));
    for (int c = 0; c < all.schema->num_fields(); ++c) {
      const auto& field = all.schema->field(c);
      ARROW_RETURN_NOT_OK(MeasureParse(
          fmt::format("parse only {} ({})", field->name(), field->type()->ToString()),
          {.columns = std::vector<int>{c}}));
    }
    return MeasureFormat(all);
  }

 private:
  struct Pass {
    std::shared_ptr<arrow::Schema> schema;
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    int64_t rows = 0;
    double seconds = 0;
  };

  Result<Pass> Parse(const formats::Pushdown& pushdown, bool keep) {
    ARROW_ASSIGN_OR_RAISE(const Config config,
                          format_->read_options().Parse(format_->name(), options_, {}));
    Pass out;
    const auto start = Clock::now();
    ARROW_ASSIGN_OR_RAISE(
        auto file,
        format_->OpenReader({.name = "memory",
                             .file = std::make_shared<arrow::io::BufferReader>(text_),
                             .file_size = text_->size()},
                            config, nullptr, nullptr, context_));
    out.schema = file->schema();
    ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(64 << 20));
    for (size_t i = 0; i < ranges.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, pushdown, context_));
      for (;;) {
        ARROW_ASSIGN_OR_RAISE(auto result, reader->Next({}, Waker()));
        if (result.state == formats::ReadResult::State::kEnd) break;
        out.rows += result.rows->num_rows();
        if (keep) out.batches.push_back(result.rows);
      }
    }
    out.seconds = Seconds(start);
    return out;
  }

  Status MeasureParse(const std::string& name, const formats::Pushdown& pushdown) {
    double best = 1e9;
    int64_t rows = 0;
    for (int round = 0; round < rounds_; ++round) {
      ARROW_ASSIGN_OR_RAISE(const Pass pass, Parse(pushdown, false));
      best = std::min(best, pass.seconds);
      rows = pass.rows;
    }
    Print(name, best, text_->size(), rows);
    return Status::OK();
  }

  Status MeasureFormat(const Pass& pass) {
    ARROW_ASSIGN_OR_RAISE(const Config config,
                          format_->write_options().Parse(format_->name(), {}, {}));
    double best = 1e9;
    int64_t written = 0;
    for (int round = 0; round < rounds_; ++round) {
      const auto start = Clock::now();
      Sink sink;
      ARROW_ASSIGN_OR_RAISE(
          auto writer, format_->OpenWriter(sink, config, pass.schema, false, context_));
      for (const auto& batch : pass.batches) ARROW_RETURN_NOT_OK(writer->Write(batch));
      ARROW_RETURN_NOT_OK(writer->Finish());
      best = std::min(best, Seconds(start));
      written = sink.position();
    }
    Print("format", best, written, pass.rows);
    return Status::OK();
  }

  static void Print(const std::string& name, double seconds, int64_t bytes,
                    int64_t rows) {
    std::printf("%-42s %.3f s  %.2f GB/s  %.1f M rows/s\n", name.c_str(), seconds,
                static_cast<double>(bytes) / 1e9 / seconds,
                static_cast<double>(rows) / 1e6 / seconds);
  }

  std::unique_ptr<formats::Format> format_;
  std::shared_ptr<arrow::Buffer> text_;
  std::map<std::string, std::string> options_;
  int rounds_;
  formats::Context context_{.pool = arrow::default_memory_pool()};
};

/// The program's main: `generate` makes so many rows of text.
inline int Main(int argc, char** argv, std::unique_ptr<formats::Format> format,
                std::string (*generate)(int64_t rows)) {
  const std::string what = argc > 1 ? argv[1] : "5";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 6;
  const Status status = [&]() -> Status {
    std::map<std::string, std::string> options;
    for (int i = 3; i < argc; ++i) {
      const std::string option = argv[i];
      const size_t equals = option.find('=');
      if (equals == std::string::npos) {
        return Status::Invalid("no option=value: ", option);
      }
      options[option.substr(0, equals)] = option.substr(equals + 1);
    }
    std::shared_ptr<arrow::Buffer> text;
    if (what.find_first_not_of("0123456789") == std::string::npos) {
      text = arrow::Buffer::FromString(generate(std::stoll(what) * 1000000));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(what));
      ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
      ARROW_ASSIGN_OR_RAISE(text, file->Read(size));
    }
    return TextMicro(std::move(format), std::move(text), std::move(options), rounds)
        .Run();
  }();
  if (!status.ok()) std::fprintf(stderr, "%s\n", ErrorText(status).c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace millrace::micro
