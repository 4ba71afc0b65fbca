// What the fuzzers of text formats share: the same rows, dead letters and values must
// come out whether a file is read in one piece or in many.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include <arrow/api.h>
#include <arrow/io/memory.h>

#include "millrace/base/error.h"
#include "millrace/formats/format.h"

namespace millrace::fuzz {

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

inline Outcome Read(const formats::Format& format, const std::string& text,
                    const Config& options, const Way& way) {
  Outcome out;
  int64_t bytes_read = 0;
  out.status = [&]() -> Status {
    const formats::Context context{.pool = arrow::default_memory_pool(),
                                   .bad_rows = way.bad_rows};
    ARROW_ASSIGN_OR_RAISE(
        auto file, format.OpenReader({.name = "fuzz",
                                      .file = std::make_shared<arrow::io::BufferReader>(
                                          arrow::Buffer::FromString(text)),
                                      .file_size = static_cast<int64_t>(text.size())},
                                     options, nullptr, nullptr, context));
    ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(way.range_bytes));
    for (size_t i = 0; i < ranges.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, {}, context));
      for (;;) {
        ARROW_ASSIGN_OR_RAISE(auto result, reader->Next(way.budget, Waker()));
        out.dead_letters += static_cast<int64_t>(result.dead_letters.size());
        bytes_read += result.bytes_read;
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
  if (out.status.ok() && bytes_read != static_cast<int64_t>(text.size())) {
    std::fprintf(stderr, "%lld bytes read of %lld\n", static_cast<long long>(bytes_read),
                 static_cast<long long>(text.size()));
    std::abort();
  }
  return out;
}

[[noreturn]] inline void Fail(const char* what, const Outcome& a, const Outcome& b) {
  std::fprintf(stderr, "%s\n%lld rows, %lld dead: %s\n%lld rows, %lld dead: %s\n", what,
               static_cast<long long>(a.rows), static_cast<long long>(a.dead_letters),
               ErrorText(a.status).c_str(), static_cast<long long>(b.rows),
               static_cast<long long>(b.dead_letters), ErrorText(b.status).c_str());
  std::abort();
}

/// Read `text` with the options `given` in every way, cut as the two bytes of `cuts` say.
/// `sets_aside`: these options make dead letters of rows that fail nowhere.
inline void CheckEveryWay(const formats::Format& format,
                          const std::map<std::string, std::string>& given,
                          const std::string& text, const uint8_t* cuts, bool sets_aside) {
  const auto options =
      format.read_options().Parse(format.name(), given, ConfigSpec::Lookup());
  if (!options.ok()) return;
  const int64_t range = 1 + cuts[0] % 64;
  const Budget small{.rows = 1 + cuts[1] % 16, .bytes = 1 + cuts[1] / 16 * 40};
  const int64_t whole = int64_t{1} << 40;
  const auto fail = data::BadRowPolicy::kFail;
  const auto dead = data::BadRowPolicy::kDeadLetter;
  const Outcome one = Read(format, text, *options, {dead, Budget(), whole});
  for (const Way& way :
       {Way{dead, small, whole}, Way{dead, Budget(), range}, Way{dead, small, range}}) {
    const Outcome many = Read(format, text, *options, way);
    if (one.status.ok() != many.status.ok() || one.rows != many.rows ||
        one.dead_letters != many.dead_letters || one.cells != many.cells) {
      Fail("one piece and many differ", one, many);
    }
  }
  const Outcome strict = Read(format, text, *options, {fail, Budget(), whole});
  if (strict.status.ok() && one.dead_letters != 0 && !sets_aside) {
    Fail("a row was set aside that fails nowhere", one, strict);
  }
  if (strict.status.ok() && one.cells != strict.cells) {
    Fail("policies give different rows", one, strict);
  }
}

}  // namespace millrace::fuzz
