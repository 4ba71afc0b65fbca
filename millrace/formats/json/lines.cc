#include "millrace/formats/json/lines.h"

#include <algorithm>
#include <cstring>

namespace millrace::formats::json {

// What was kept has no line end, or was searched for one already.
Status Lines::Restart(int64_t) {
  complete_ = consumed_ = 0;
  tail_open_ = false;
  broken_.clear();
  return Status::OK();
}

Status Lines::Index(int64_t begin, bool last) {
  // A line that begins before the limit ends at the first line end from one byte before
  // it on.
  const int64_t limit = this->limit() - 1 - offset();
  if (limit < size()) {
    const int64_t from = std::max<int64_t>(limit, 0);
    const void* end = memchr(text() + from, '\n', static_cast<size_t>(size() - from));
    if (end != nullptr) {
      complete_ = static_cast<const char*>(end) + 1 - text();
      set_limit_reached();
    }
  }
  if (!limit_reached()) {
    const void* end = memrchr(text() + begin, '\n', static_cast<size_t>(size() - begin));
    if (end != nullptr) complete_ = static_cast<const char*>(end) + 1 - text();
    if (last && complete_ < size()) {
      PutEnd('\n');
      complete_ = size() + 1;
      tail_open_ = true;
    }
  }
  ++generation_;
  if (complete_ == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(text(), complete_));
  return fault == nullptr ? Status::OK() : BlankBroken(fault);
}

// Something in the text is at fault: find the lines where, one by one, and take them out,
// so that the others can be tokenized together.
Status Lines::BlankBroken(const ErrorSpec* spec) {
  char* const data = reinterpret_cast<char*>(mutable_data());
  for (int64_t begin = 0; begin < complete_;) {
    const char* end = static_cast<const char*>(
        memchr(data + begin, '\n', static_cast<size_t>(complete_ - begin)));
    const int64_t size = end - (data + begin);
    ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(data + begin, size + 1));
    if (fault != nullptr) {
      broken_.push_back(
          {.begin = begin,
           .end = begin + size,
           .spec = fault,
           .raw = std::string(data + begin,
                              std::min(static_cast<size_t>(size), kRawBytes))});
      memset(data + begin, ' ', static_cast<size_t>(size));
    }
    begin += size + 1;
  }
  ARROW_ASSIGN_OR_RAISE(const ErrorSpec* fault, tokenizer_.Run(data, complete_));
  if (fault == nullptr) return Status::OK();
  return errors::kInternal.Make({.byte = offset()},
                                "lines are valid JSON text one by one, not together ({})",
                                spec->text);
}

}  // namespace millrace::formats::json
