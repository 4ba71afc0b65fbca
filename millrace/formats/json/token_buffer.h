// TokenBuffer: a stretch of input whose complete records are tokenized.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/formats/json/tokens.h"
#include "millrace/formats/text/record_buffer.h"

namespace millrace::formats::json {

/// The heirs know where records end. Used by one thread.
class TokenBuffer : public RecordBuffer {
 public:
  static_assert(kTextPadding >= kPadding);

  /// A record whose text could not be tokenized. It is blank in text().
  struct Broken {
    int64_t begin = 0, end = 0;  ///< offsets in text(), what parts records left out
    const ErrorSpec* spec = nullptr;
    std::string raw;  ///< the record; cut to kRawBytes
  };
  static constexpr size_t kRawBytes = 64 * 1024;

  using RecordBuffer::RecordBuffer;

  const char* text() const { return reinterpret_cast<const char*>(data()); }
  /// End of the last complete record, with what parts it from the next.
  int64_t complete() const { return complete_; }
  int64_t consumed() const override { return consumed_; }
  bool empty() const override { return consumed_ >= complete_; }
  void ConsumeTo(int64_t end) { consumed_ = end; }

  const Tokens& tokens() const { return tokenizer_.tokens(); }
  const std::vector<Broken>& broken() const { return broken_; }
  /// The last complete record has no end of its own: the input ends there.
  bool tail_open() const { return tail_open_; }
  /// Changes whenever the tokens do.
  int64_t generation() const { return generation_; }

 protected:
  void Forget() {
    complete_ = consumed_ = 0;
    tail_open_ = false;
    broken_.clear();
  }
  /// Tokenize the first `size` bytes, which are the complete records and end in a line
  /// end. Where something in them is at fault, those at fault are found one by one and
  /// taken out, so that the others can be tokenized together.
  Status Tokenize(int64_t size);
  /// Where the record that begins at `begin` ends; the next one begins behind `*next`.
  virtual int64_t EndOf(int64_t begin, int64_t* next) const = 0;

  void set_complete(int64_t end) { complete_ = end; }
  void set_tail_open() { tail_open_ = true; }
  char* mutable_text() { return reinterpret_cast<char*>(mutable_data()); }

 private:
  Status BlankBroken(int64_t size, const ErrorSpec* spec);

  Tokenizer tokenizer_;
  int64_t complete_ = 0, consumed_ = 0;
  int64_t generation_ = 0;
  bool tail_open_ = false;
  std::vector<Broken> broken_;
};

}  // namespace millrace::formats::json
