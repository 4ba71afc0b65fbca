#include "millrace/formats/csv/sample.h"

#include "millrace/formats/csv/index.h"

namespace millrace::formats::csv {

Sample::Sample(std::string_view text, const Dialect& dialect, bool in_quote,
               bool complete, int64_t max_records)
    : dialect_(dialect), size_(static_cast<int64_t>(text.size())) {
  const size_t size = text.size();
  text_.assign(kPadding, '\0');
  text_.append(text);
  if (complete) text_.push_back(dialect.newline);
  text_.append(kPadding, '\0');
  const uint8_t* data = reinterpret_cast<const uint8_t*>(text_.data()) + kPadding;
  entries_.resize(size + 128);
  IndexState state;
  state.in_quote = in_quote ? ~uint64_t{0} : 0;
  size_t count = IndexStructure(data, 0, size + (complete ? 1 : 0), dialect, &state,
                                entries_.data());
  valid_quotes_ = !state.saw_suspect && (!complete || state.in_quote == 0);
  // A text with its own last line end got one too many.
  if (complete && count > 0 && entries_[count - 1] == size &&
      (count == 1 ? size == 0
                  : entries_[count - 2] + 1 == size && size > 0 &&
                        data[size - 1] == static_cast<uint8_t>(dialect.newline))) {
    --count;
  }
  bool skip = in_quote;
  uint32_t begin = 0;
  size_t first = 0;
  for (size_t i = 0; i < count && num_records() < max_records; ++i) {
    if (data[entries_[i]] != static_cast<uint8_t>(dialect.newline)) continue;
    const int fields = static_cast<int>(i - first + 1);
    const bool none = IsSkipped(data, begin, entries_[i], dialect, 2);
    // A blank line is a record of a one-column table, which begins with another one.
    const bool blank_value = none && fields == 1 && !first_.empty() && count_[0] == 1 &&
                             !(dialect.comment >= 0 && data[begin] == dialect.comment);
    if (!skip && (!none || blank_value)) {
      first_.push_back(first);
      begin_.push_back(begin);
      count_.push_back(static_cast<size_t>(fields));
    }
    skip = false;
    begin = entries_[i] + 1;
    first = i + 1;
  }
}

int Sample::width(int64_t record) const {
  return static_cast<int>(count_[static_cast<size_t>(record)]);
}

Field Sample::field(int64_t record, int column) const {
  const size_t r = static_cast<size_t>(record), c = static_cast<size_t>(column);
  const char* data = text_.data() + kPadding;
  const uint32_t begin = c == 0 ? begin_[r] : entries_[first_[r] + c - 1] + 1;
  Field field{data + begin, data + entries_[first_[r] + c]};
  if (c + 1 == count_[r] && dialect_.newline == '\n' && field.end > field.begin &&
      field.end[-1] == '\r') {
    --field.end;
  }
  return field;
}

int64_t Sample::end_of(int64_t record) const {
  const size_t r = static_cast<size_t>(record);
  return std::min<int64_t>(entries_[first_[r] + count_[r] - 1] + 1, size_);
}

bool Sample::all_of_width(int width) const {
  for (size_t count : count_) {
    if (count != static_cast<size_t>(width)) return false;
  }
  return true;
}

}  // namespace millrace::formats::csv
