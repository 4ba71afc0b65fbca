#include "millrace/expr/time_text.h"

#include <chrono>
#include <iterator>

#include <fmt/format.h>

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

}  // namespace

bool ParseTime(std::string_view text, ParsedTime* out) {
  *out = ParsedTime();
  Reader in(Trimmed(text));
  const bool negative = in.Skip('-');
  int year, month, day;
  if (!in.Number(4, 5, &year) || !in.Skip('-') || !in.Number(1, 2, &month) ||
      !in.Skip('-') || !in.Number(1, 2, &day)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(negative ? -year : year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  out->seconds = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86400};
  if (in.done()) return true;
  out->has_time = true;
  if (!in.Skip(' ') && !in.Skip('T') && !in.Skip('t')) return false;
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
  out->seconds += hour * 3600 + minute * 60 + second;
  out->nanos = fraction;
  return ReadZone(in, out);
}

bool ScaleTime(const ParsedTime& time, int64_t per_second, int64_t* out) {
  return !__builtin_mul_overflow(time.seconds, per_second, out) &&
         !__builtin_add_overflow(*out, time.nanos / (1'000'000'000 / per_second), out);
}

void AppendTime(int64_t value, int64_t per_second, std::string* out) {
  const int64_t seconds = FloorDivide(value, per_second);
  const int64_t fraction = value - seconds * per_second;
  const int64_t days = FloorDivide(seconds, 86400);
  const int64_t rest = seconds - days * 86400;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  fmt::format_to(std::back_inserter(*out), "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), rest / 3600, rest / 60 % 60,
                 rest % 60);
  if (fraction == 0) return;
  int digits = 0;
  for (int64_t unit = per_second; unit > 1; unit /= 10) ++digits;
  fmt::format_to(std::back_inserter(*out), ".{:0{}}", fraction, digits);
  while (out->back() == '0') out->pop_back();
}

}  // namespace millrace::expr
