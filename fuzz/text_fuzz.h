// What the fuzzers of text formats share: the same rows, dead letters and values must
// come out whether a file is read in one piece or in many.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fuzz/file_fuzz.h"

namespace millrace::fuzz {

inline Outcome ReadText(const Subject& subject, const std::string& text, const Way& way) {
  Outcome out = Read(subject, text, way);
  if (out.status.ok() && out.bytes_read != static_cast<int64_t>(text.size()))
    Fail(fmt::format("{} bytes read of {}", out.bytes_read, text.size()));
  return out;
}

/// Read `text` with the options `given` in every way, cut as the two bytes of `cuts` say.
/// `sets_aside`: these options make dead letters of rows that fail nowhere.
inline void CheckEveryWay(std::unique_ptr<formats::Format> format,
                          const std::map<std::string, std::string>& given,
                          const std::string& text, const uint8_t* cuts, bool sets_aside) {
  const bool fits =
      format->read_options().Parse(format->name(), given, ConfigSpec::Lookup()).ok();
  if (!fits) return;
  const Subject subject{std::move(format), given, kMostRows};
  const int64_t range = 1 + cuts[0] % 64;
  const Budget small{.rows = 1 + cuts[1] % 16, .bytes = 1 + cuts[1] / 16 * 40};
  const int64_t whole = int64_t{1} << 40;
  const auto fail = data::BadRowPolicy::kFail;
  const auto dead = data::BadRowPolicy::kDeadLetter;
  const Outcome one = ReadText(subject, text, {dead, Budget(), whole});
  for (const Way& way :
       {Way{dead, small, whole}, Way{dead, Budget(), range}, Way{dead, small, range}}) {
    const Outcome many = ReadText(subject, text, way);
    if (one.status.ok() != many.status.ok() || one.rows != many.rows ||
        one.dead_letters != many.dead_letters || one.cells != many.cells) {
      Fail("one piece and many differ", one, many);
    }
  }
  const Outcome strict = ReadText(subject, text, {fail, Budget(), whole});
  if (strict.status.ok() && one.dead_letters != 0 && !sets_aside) {
    Fail("a row was set aside that fails nowhere", one, strict);
  }
  if (strict.status.ok() && one.cells != strict.cells) {
    Fail("policies give different rows", one, strict);
  }
}

}  // namespace millrace::fuzz
