#include "millrace/formats/json/token_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::formats::json {

Status TokenBuffer::Tokenize(int64_t size) {
  ++generation_;
  if (size == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(text(), size));
  return fault == nullptr ? Status::OK() : BlankBroken(size, fault);
}

Status TokenBuffer::BlankBroken(int64_t size, const ErrorSpec* spec) {
  char* const data = mutable_text();
  for (int64_t begin = 0; begin < complete_;) {
    int64_t next = 0;
    const int64_t end = EndOf(begin, &next);
    const int64_t length = end - begin;
    // Every text ends in a line end.
    const char parting = std::exchange(data[end], '\n');
    ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault,
                          tokenizer_.Run(data + begin, length + 1));
    data[end] = parting;
    if (fault != nullptr) {
      broken_.push_back(
          {.begin = begin,
           .end = end,
           .spec = fault,
           .raw = std::string(data + begin,
                              std::min(static_cast<size_t>(length), kRawBytes))});
      memset(data + begin, ' ', static_cast<size_t>(length));
    }
    begin = next;
  }
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(data, size));
  if (fault == nullptr) return Status::OK();
  return errors::kInternal.Make(
      {.byte = offset()}, "records are valid JSON text one by one, not together ({})",
      spec->text);
}

}  // namespace millrace::formats::json
