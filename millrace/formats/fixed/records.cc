#include "millrace/formats/fixed/records.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "millrace/formats/fixed/layout.h"

namespace millrace::formats::fixed {

Status Records::Restart(int64_t kept) {
  consumed_ = complete_ = 0;
  non_ascii_ = false;
  if (kept > 0) LookForNonAscii(0);
  return Status::OK();
}

Status Records::Index(int64_t begin, bool last) {
  LookForNonAscii(begin);
  if (length_ > 0) {
    FindRecords(last);
  } else {
    FindLines(last);
  }
  return Status::OK();
}

void Records::LookForNonAscii(int64_t begin) {
  uint8_t all = 0;
  for (int64_t i = begin; i < size(); ++i) all |= data()[i];
  non_ascii_ |= all >= 0x80;
}

void Records::FindLines(bool last) {
  // A line that begins before the limit ends at the first line end from one byte before
  // it on.
  const int64_t limit = this->limit() - 1 - offset();
  if (limit < size()) {
    const int64_t from = std::max<int64_t>(limit, 0);
    const void* end = memchr(text() + from, '\n', static_cast<size_t>(size() - from));
    if (end != nullptr) {
      complete_ = static_cast<const char*>(end) + 1 - text();
      set_limit_reached();
      return;
    }
  }
  int64_t end = size();
  if (last && size() > complete_ && text()[size() - 1] != '\n') {
    PutEnd('\n');
    end = size() + 1;
  }
  // The footer's lines and the one that has no end yet are held back.
  for (int64_t held = -1; held < footer_ && end > complete_; ++held) {
    const void* before =
        memrchr(text() + complete_, '\n', static_cast<size_t>(end - complete_));
    if (before == nullptr) return;
    const int64_t line_end = static_cast<const char*>(before) + 1 - text();
    end = held < footer_ - 1 ? line_end - 1 : line_end;
  }
  complete_ = std::max(complete_, end);
}

// Where the record that begins there ends, or −1. Most text is ASCII: one look at as many
// bytes as there are characters tells.
int64_t Records::EndOfRecord(int64_t begin) const {
  int64_t end = begin, characters = 0;
  while (characters < length_) {
    const int64_t step = length_ - characters;
    if (end + step > size()) return -1;
    characters +=
        non_ascii_ ? CountCharacters({text() + end, static_cast<size_t>(step)}) : step;
    end += step;
  }
  while (end < size() && !BeginsCharacter(text()[end])) ++end;
  return end;
}

void Records::FindRecords(bool last) {
  for (;;) {
    const int64_t end = EndOfRecord(complete_);
    // The bytes that follow may still be of its last character.
    if (end < 0 || (end == size() && !last && non_ascii_)) break;
    complete_ = end;
  }
  if (last) complete_ = size();
}

int64_t Records::Next(int64_t begin, int64_t* end) const {
  if (length_ > 0) {
    const int64_t next = EndOfRecord(begin);
    return *end = next < 0 || next > size() ? size() : next;
  }
  const char* line_end = static_cast<const char*>(
      memchr(text() + begin, '\n', static_cast<size_t>(complete_ - begin)));
  *end = line_end - text();
  const int64_t next = *end + 1;
  *end -= *end > begin && text()[*end - 1] == '\r';
  return next;
}

}  // namespace millrace::formats::fixed
