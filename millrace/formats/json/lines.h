// Lines: a stretch of input whose complete lines are tokenized.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/formats/json/tokens.h"
#include "millrace/formats/text/record_buffer.h"

namespace millrace::formats::json {

/// Used by one thread.
class Lines final : public RecordBuffer {
 public:
  static_assert(kTextPadding >= kPadding);

  /// A line whose text could not be tokenized. It is blank in text().
  struct Broken {
    int64_t begin = 0, end = 0;  ///< offsets in text(), the line end left out
    const ErrorSpec* spec = nullptr;
    std::string raw;  ///< the line; cut to kRawBytes
  };
  static constexpr size_t kRawBytes = 64 * 1024;

  using RecordBuffer::RecordBuffer;

  const char* text() const { return reinterpret_cast<const char*>(data()); }
  /// End of the last complete line.
  int64_t complete() const { return complete_; }
  int64_t consumed() const override { return consumed_; }
  bool empty() const override { return consumed_ >= complete_; }
  void ConsumeTo(int64_t end) { consumed_ = end; }

  const Tokens& tokens() const { return tokenizer_.tokens(); }
  const std::vector<Broken>& broken() const { return broken_; }
  /// The last complete line has no line end: the input ends there.
  bool tail_open() const { return tail_open_; }
  /// Changes whenever the tokens do.
  int64_t generation() const { return generation_; }

 protected:
  Status Restart(int64_t kept) override;
  Status Index(int64_t begin, bool last) override;

 private:
  Status BlankBroken(const ErrorSpec* spec);

  Tokenizer tokenizer_;
  int64_t complete_ = 0, consumed_ = 0;
  int64_t generation_ = 0;
  bool tail_open_ = false;
  std::vector<Broken> broken_;
};

}  // namespace millrace::formats::json
