// What the fuzzers of formats that have files share: bytes are read as one, in a given
// way, and whatever comes of it is valid or has a numbered error.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <arrow/api.h>
#include <arrow/io/memory.h>

#include "millrace/base/error.h"
#include "millrace/base/memory_budget.h"
#include "millrace/formats/format.h"

namespace millrace::fuzz {

constexpr int64_t kMostMemory = 64 << 20;
constexpr int64_t kMostRows = 100'000;  // that are read at all

struct Subject {
  std::unique_ptr<formats::Format> format;
  std::map<std::string, std::string> options;
  int64_t most_compared = 1'000;  // rows
};

struct Way {
  data::BadRowPolicy bad_rows = data::BadRowPolicy::kFail;
  Budget budget;
  int64_t range_bytes = int64_t{1} << 40;
  bool stream = false;
  bool resume = false;  // with a new reader after every batch
};

struct Outcome {
  Status status;
  int64_t rows = 0;
  int64_t dead_letters = 0;
  int64_t bytes_read = 0;
  std::string cells;  // of the first rows
};

[[noreturn]] inline void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

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

inline Status AddRows(const arrow::RecordBatch& rows, int64_t most_compared,
                      Outcome* out) {
  if (const Status valid = rows.ValidateFull(); !valid.ok())
    Fail("not valid: " + valid.ToString());
  for (int64_t r = 0; r < rows.num_rows(); ++r) {
    if (++out->rows > most_compared) continue;
    for (const auto& column : rows.columns()) {
      ARROW_ASSIGN_OR_RAISE(auto scalar, column->GetScalar(r));
      if (scalar->is_valid && scalar->type->id() == arrow::Type::DICTIONARY) {
        // The numbers of values may differ between batches.
        const auto& coded = static_cast<const arrow::DictionaryScalar&>(*scalar);
        ARROW_ASSIGN_OR_RAISE(scalar, coded.GetEncodedValue());
      }
      out->cells += scalar->is_valid ? scalar->ToString() + "\x1f" : "\x1e";
    }
  }
  return Status::OK();
}

inline Status ReadAll(const Subject& subject, const std::string& bytes, const Way& way,
                      arrow::MemoryPool* pool, Outcome* out) {
  const formats::Format& format = *subject.format;
  ARROW_ASSIGN_OR_RAISE(
      const Config options,
      format.read_options().Parse("fuzz", subject.options, ConfigSpec::Lookup()));
  const formats::Context context{.pool = pool, .bad_rows = way.bad_rows};
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
      out->dead_letters += static_cast<int64_t>(result.dead_letters.size());
      out->bytes_read += result.bytes_read;
      if (result.state == formats::ReadResult::State::kEnd) break;
      ARROW_RETURN_NOT_OK(AddRows(*result.rows, subject.most_compared, out));
      if (out->rows > kMostRows) return Status::OK();
      if (way.resume) {
        ARROW_ASSIGN_OR_RAISE(reader, file->Open(i, {}, context));
        ARROW_RETURN_NOT_OK(reader->Seek(result.position));
      }
    }
  }
  return Status::OK();
}

/// Takes at most kMostMemory from the pool.
inline Outcome Read(const Subject& subject, const std::string& bytes, const Way& way) {
  Outcome out;
  const auto memory = MemoryBudget::Make(kMostMemory, ProcessMemoryPool());
  out.status = ReadAll(subject, bytes, way, memory->pool(), &out);
  if (!out.status.ok() && ErrorNumber(out.status) == 9000)
    Fail("no number: " + out.status.ToString());
  return out;
}

[[noreturn]] inline void Fail(const std::string& what, const Outcome& a,
                              const Outcome& b) {
  auto text = [](const Outcome& one) {
    return fmt::format("\n{} rows, {} dead: {}", one.rows, one.dead_letters,
                       one.status.ok() ? "" : ErrorText(one.status));
  };
  Fail(what + text(a) + text(b));
}

/// Two ways to read one file.
inline void CheckSame(const Outcome& a, const Outcome& b) {
  const bool same =
      a.status.ok() == b.status.ok() &&
      (!a.status.ok() ||
       (a.rows == b.rows && a.dead_letters == b.dead_letters && a.cells == b.cells));
  if (!same) Fail("ways differ", a, b);
}

}  // namespace millrace::fuzz
