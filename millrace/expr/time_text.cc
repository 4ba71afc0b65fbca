#include "millrace/expr/time_text.h"

namespace millrace::expr {

namespace {

// Reads one text from left to right; every step says whether it matched.
class Reader {
 public:
  explicit Reader(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool done() const { return at_ == end_; }
  char peek() const { return done() ? '\0' : *at_; }
  bool Skip(char c) {
    if (peek() != c || done()) return false;
    ++at_;
    return true;
  }
  bool Number(int min_digits, int max_digits, int* out) {
    int digits = 0;
    *out = 0;
    while (digits < max_digits && peek() >= '0' && peek() <= '9') {
      *out = *out * 10 + (*at_++ - '0');
      ++digits;
    }
    last_digits_ = digits;
    return digits >= min_digits;
  }
  bool Year(int64_t* out) {
    const bool minus = Skip('-');
    int digits = 0;
    for (*out = 0; digits < 12 && peek() >= '0' && peek() <= '9'; ++digits) {
      *out = *out * 10 + (*at_++ - '0');
    }
    if (minus) *out = -*out;
    return digits >= 4;
  }
  int last_digits() const { return last_digits_; }

 private:
  const char* at_;
  const char* end_;
  int last_digits_ = 0;
};

bool ReadZone(Reader& in, ParsedTime* out) {
  in.Skip(' ');
  if (in.done()) return true;
  out->has_zone = true;
  if (in.Skip('Z') || in.Skip('z')) return in.done();
  if (in.Skip('U')) return in.Skip('T') && in.Skip('C') && in.done();
  const bool minus = in.peek() == '-';
  if (!in.Skip('+') && !in.Skip('-')) return false;
  int hours, minutes = 0;
  if (!in.Number(2, 2, &hours)) return false;
  if (in.Skip(':') || !in.done()) {
    if (!in.Number(2, 2, &minutes)) return false;
  }
  if (hours > 15 || minutes > 59) return false;
  const int64_t offset = hours * 3600 + minutes * 60;
  out->seconds += minus ? offset : -offset;
  return in.done();
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// HH:MM[:SS[.f…]]
bool ReadClock(Reader& in, int64_t* seconds, int32_t* nanos) {
  int hour, minute, second = 0, fraction = 0;
  if (!in.Number(1, 2, &hour) || !in.Skip(':') || !in.Number(2, 2, &minute)) return false;
  if (in.Skip(':')) {
    if (!in.Number(2, 2, &second)) return false;
    if (in.Skip('.')) {
      if (!in.Number(1, 9, &fraction)) return false;
      for (int i = in.last_digits(); i < 9; ++i) fraction *= 10;
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  *seconds = hour * 3600 + minute * 60 + second;
  *nanos = fraction;
  return true;
}

}  // namespace

bool ParseTime(std::string_view text, ParsedTime* out) {
  *out = ParsedTime();
  Reader in(Trimmed(text));
  CivilDay date;
  if (!in.Year(&date.year) || !in.Skip('-') || !in.Number(1, 2, &date.month) ||
      !in.Skip('-') || !in.Number(1, 2, &date.day)) {
    return false;
  }
  if (date.month < 1 || date.month > 12 || date.day < 1 ||
      date.day > DaysInMonth(date.year, date.month)) {
    return false;
  }
  if (__builtin_mul_overflow(DaysOf(date), int64_t{86400}, &out->seconds)) return false;
  if (in.done()) return true;
  out->has_time = true;
  if (!in.Skip(' ') && !in.Skip('T') && !in.Skip('t')) return false;
  int64_t of_day;
  if (!ReadClock(in, &of_day, &out->nanos) ||
      __builtin_add_overflow(out->seconds, of_day, &out->seconds)) {
    return false;
  }
  return ReadZone(in, out);
}

bool ParseClock(std::string_view text, int64_t* nanos) {
  Reader in(Trimmed(text));
  int64_t seconds;
  int32_t fraction;
  if (!ReadClock(in, &seconds, &fraction) || !in.done()) return false;
  *nanos = seconds * 1'000'000'000 + fraction;
  return true;
}

bool ScaleTime(const ParsedTime& time, int64_t per_second, int64_t* out) {
  return !__builtin_mul_overflow(time.seconds, per_second, out) &&
         !__builtin_add_overflow(*out, time.nanos / (1'000'000'000 / per_second), out);
}

}  // namespace millrace::expr
