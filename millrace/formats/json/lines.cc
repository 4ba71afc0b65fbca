#include "millrace/formats/json/lines.h"

#include <algorithm>
#include <cstring>

namespace millrace::formats::json {

// What was kept has no line end, or was searched for one already.
Status Lines::Restart(int64_t) {
  Forget();
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
      set_complete(static_cast<const char*>(end) + 1 - text());
      set_limit_reached();
    }
  }
  if (!limit_reached()) {
    const void* end = memrchr(text() + begin, '\n', static_cast<size_t>(size() - begin));
    if (end != nullptr) set_complete(static_cast<const char*>(end) + 1 - text());
    if (last && complete() < size()) {
      PutEnd('\n');
      set_complete(size() + 1);
      set_tail_open();
    }
  }
  return Tokenize(complete());
}

int64_t Lines::EndOf(int64_t begin, int64_t* next) const {
  const int64_t end =
      static_cast<const char*>(
          memchr(text() + begin, '\n', static_cast<size_t>(complete() - begin))) -
      text();
  *next = end + 1;
  return end;
}

}  // namespace millrace::formats::json
