// Records: those of fixed-width text, which end at line ends or after so many characters.
#pragma once

#include <cstdint>

#include "millrace/formats/text/record_buffer.h"

namespace millrace::formats::fixed {

/// Used by one thread.
class Records final : public RecordBuffer {
 public:
  /// `length`: of a record in characters, 0 for lines. `footer`: the last lines of the
  /// input, which are none.
  Records(int64_t length, int64_t footer, arrow::MemoryPool* pool)
      : RecordBuffer(pool), length_(length), footer_(footer) {}

  int64_t consumed() const override { return consumed_; }
  bool empty() const override { return consumed_ >= complete_; }

  /// The record that begins at `begin` ends at `*end`, its line end left out; the next
  /// one begins there. `begin` is before the last complete record's end.
  int64_t Next(int64_t begin, int64_t* end) const;
  /// Are there complete records from `at` on?
  bool Has(int64_t at) const { return at < complete_; }
  void Consume(int64_t next) { consumed_ = next; }
  bool has_non_ascii() const { return non_ascii_; }

 protected:
  Status Restart(int64_t kept) override;
  Status Index(int64_t begin, bool last) override;

 private:
  void FindLines(bool last);
  void FindRecords(bool last);
  void LookForNonAscii(int64_t begin);
  const char* text() const { return reinterpret_cast<const char*>(data()); }
  int64_t EndOfRecord(int64_t begin) const;

  const int64_t length_, footer_;
  int64_t consumed_ = 0, complete_ = 0;
  bool non_ascii_ = false;
};

}  // namespace millrace::formats::fixed
