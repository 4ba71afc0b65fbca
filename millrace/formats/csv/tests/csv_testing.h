// Reads and writes CSV in memory, for tests.
#pragma once

#include "millrace/formats/csv/errors.h"
#include "millrace/formats/text/tests/text_testing.h"

namespace millrace::formats::csv {

using Case = TextCase;
using Outcome = TextOutcome;

inline TextCase Named(TextCase c) {
  if (c.name.empty()) c.name = "t.csv";
  return c;
}

inline Result<std::unique_ptr<FileReader>> OpenCase(const TextCase& c) {
  return formats::OpenCase(*MakeCsvFormat(), Named(c));
}

inline Result<TextOutcome> Read(const TextCase& c) {
  return ReadCase(*MakeCsvFormat(), Named(c));
}

}  // namespace millrace::formats::csv
