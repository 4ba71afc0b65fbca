#include "millrace/sql/interval.h"

#include <limits>
#include <vector>

#include <fmt/format.h>

#include "millrace/sql/characters_internal.h"
#include "millrace/sql/keywords.h"

namespace millrace::sql {

namespace {

constexpr int64_t kSecond = 1'000'000'000;

// What one of a unit adds. Exactly one of the three is set.
struct Unit {
  std::string_view name;
  std::string_view short_name;
  int64_t months;
  int64_t days;
  int64_t nanos;
};

// Finest last; the first that divides is the one to print.
constexpr Unit kUnits[] = {
    {"YEAR", "Y", 12, 0, 0},
    {"QUARTER", "", 3, 0, 0},
    {"MONTH", "MON", 1, 0, 0},
    {"WEEK", "W", 0, 7, 0},
    {"DAY", "D", 0, 1, 0},
    {"HOUR", "H", 0, 0, 3600 * kSecond},
    {"MINUTE", "M", 0, 0, 60 * kSecond},
    {"SECOND", "S", 0, 0, kSecond},
    {"MILLISECOND", "MS", 0, 0, 1'000'000},
    {"MICROSECOND", "US", 0, 0, 1'000},
    {"NANOSECOND", "NS", 0, 0, 1},
};

const Unit* FindUnit(std::string_view word) {
  std::string upper = ToUpper(word);
  for (const Unit& unit : kUnits) {
    if (upper == unit.name || (!unit.short_name.empty() && upper == unit.short_name)) {
      return &unit;
    }
  }
  if (upper.size() > 1 && upper.back() == 'S') {
    upper.pop_back();
    for (const Unit& unit : kUnits) {
      if (upper == unit.name) return &unit;
    }
  }
  if (upper == "SEC" || upper == "SECS") return FindUnit("SECOND");
  if (upper == "MIN" || upper == "MINS") return FindUnit("MINUTE");
  if (upper == "HR" || upper == "HRS") return FindUnit("HOUR");
  return nullptr;
}

// A decimal number as sign, whole part and billionths.
struct Quantity {
  bool negative = false;
  int64_t whole = 0;
  int64_t billionths = 0;
};

std::optional<Quantity> TakeQuantity(std::string_view* text) {
  Quantity out;
  size_t at = 0;
  if (at < text->size() && ((*text)[at] == '-' || (*text)[at] == '+')) {
    out.negative = (*text)[at++] == '-';
  }
  const size_t digits = at;
  for (; at < text->size() && IsDigit((*text)[at]); ++at) {
    if (__builtin_mul_overflow(out.whole, 10, &out.whole) ||
        __builtin_add_overflow(out.whole, (*text)[at] - '0', &out.whole)) {
      return std::nullopt;
    }
  }
  bool any = at > digits;
  if (at < text->size() && (*text)[at] == '.') {
    int64_t scale = 100'000'000;
    for (++at; at < text->size() && IsDigit((*text)[at]); ++at) {
      any = true;
      out.billionths += scale * ((*text)[at] - '0');
      scale /= 10;
    }
  }
  if (!any) return std::nullopt;
  text->remove_prefix(at);
  return out;
}

bool AddScaled(int64_t count, int64_t unit, bool negative, int64_t* sum) {
  int64_t product = 0;
  if (__builtin_mul_overflow(count, unit, &product)) return false;
  // The least value is left out, because its opposite can't be written.
  return !__builtin_add_overflow(*sum, negative ? -product : product, sum) &&
         *sum != std::numeric_limits<int64_t>::min();
}

bool Add(const Quantity& quantity, const Unit& unit, Interval* out) {
  if (unit.nanos == 0) {
    // Half a month has no length.
    if (quantity.billionths != 0 && unit.days == 0) return false;
    // A fraction of a day is exact in hours, so it goes to the time part.
    const int64_t day_nanos = unit.days * 86'400;
    return AddScaled(quantity.whole, unit.months, quantity.negative, &out->months) &&
           AddScaled(quantity.whole, unit.days, quantity.negative, &out->days) &&
           AddScaled(quantity.billionths, day_nanos, quantity.negative, &out->nanos);
  }
  if (!AddScaled(quantity.whole, unit.nanos, quantity.negative, &out->nanos)) {
    return false;
  }
  const auto fraction = static_cast<int64_t>(static_cast<__int128>(quantity.billionths) *
                                             unit.nanos / 1'000'000'000);
  return AddScaled(fraction, 1, quantity.negative, &out->nanos);
}

void SkipSpaces(std::string_view* text) {
  while (!text->empty() && (text->front() == ' ' || text->front() == '\t')) {
    text->remove_prefix(1);
  }
}

std::string_view TakeLetters(std::string_view* text) {
  size_t size = 0;
  while (size < text->size() && IsLetter((*text)[size])) ++size;
  const std::string_view word = text->substr(0, size);
  text->remove_prefix(size);
  return word;
}

// QUARTER and WEEK are no parts of the standard's composed fields.
bool IsField(const Unit& unit) { return unit.name != "QUARTER" && unit.name != "WEEK"; }

// 'a:b:c' with the unit of the first part; the sign of the first holds for all.
std::optional<Interval> ParseClock(std::string_view text, const Unit* unit,
                                   const Unit* last) {
  Interval out;
  bool negative = false;
  for (bool first = true;; first = false) {
    SkipSpaces(&text);
    std::optional<Quantity> quantity = TakeQuantity(&text);
    if (!quantity) return std::nullopt;
    if (first) negative = quantity->negative;
    if (!first && quantity->negative) return std::nullopt;
    quantity->negative = negative;
    if (!Add(*quantity, *unit, &out)) return std::nullopt;
    SkipSpaces(&text);
    if (unit == last) return text.empty() ? std::optional(out) : std::nullopt;
    if (text.empty()) return std::nullopt;
    do {
      ++unit;
    } while (!IsField(*unit));
    const char separator = text.front();
    if (separator == ':' || separator == '-') text.remove_prefix(1);
  }
}

}  // namespace

std::optional<Interval> ParseInterval(std::string_view text) {
  Interval out;
  SkipSpaces(&text);
  if (text.empty()) return std::nullopt;
  bool negative_run = false;
  while (!text.empty()) {
    const std::string_view before = text;
    std::optional<Quantity> quantity = TakeQuantity(&text);
    if (!quantity) return std::nullopt;
    if (!text.empty() && text.front() == ':') {
      // What is left is a clock time, hours first.
      size_t colons = 0;
      for (char c : before) colons += c == ':' ? 1 : 0;
      const Unit* hour = FindUnit("HOUR");
      if (colons > 2) return std::nullopt;
      std::optional<Interval> clock = ParseClock(before, hour, hour + colons);
      if (!clock || !AddScaled(clock->nanos, 1, false, &out.nanos)) return std::nullopt;
      return out;
    }
    const bool spaced = !text.empty() && text.front() == ' ';
    SkipSpaces(&text);
    const Unit* unit = FindUnit(TakeLetters(&text));
    if (unit == nullptr) return std::nullopt;
    // -1h30m is one duration: its sign holds for every part.
    if (quantity->negative) negative_run = !spaced;
    quantity->negative |= negative_run;
    if (!Add(*quantity, *unit, &out)) return std::nullopt;
    if (!text.empty() && text.front() == ' ') negative_run = false;
    SkipSpaces(&text);
  }
  return out;
}

std::optional<Interval> ParseInterval(std::string_view text, std::string_view unit,
                                      std::string_view to) {
  const Unit* first = FindUnit(unit);
  const Unit* last = to.empty() ? first : FindUnit(to);
  if (first == nullptr || last == nullptr || last < first) return std::nullopt;
  if (last != first && !IsField(*last)) return std::nullopt;
  return ParseClock(text, first, last);
}

bool IsDuration(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    if (!IsDigit(text.front()) && text.front() != '.') return false;
    if (!TakeQuantity(&text)) return false;
    const std::string word = ToUpper(TakeLetters(&text));
    if (word != "NS" && word != "US" && word != "MS" && word != "S" && word != "M" &&
        word != "H" && word != "D" && word != "W") {
      return false;
    }
  }
  return true;
}

bool IsIntervalUnit(std::string_view word) {
  return word.size() > 2 && FindUnit(word) != nullptr;
}

std::string IntervalToSql(const Interval& interval) {
  struct Part {
    int64_t count;
    std::string_view unit;
  };
  std::vector<Part> parts;
  const auto add = [&](int64_t value, int64_t Unit::*field) {
    if (value == 0) return;
    for (const Unit& unit : kUnits) {
      if (unit.*field == 0 || value % (unit.*field) != 0) continue;
      if (!IsField(unit)) continue;
      parts.push_back({value / (unit.*field), unit.name});
      return;
    }
  };
  add(interval.months, &Unit::months);
  add(interval.days, &Unit::days);
  add(interval.nanos, &Unit::nanos);
  if (parts.empty()) parts.push_back({0, "SECOND"});
  if (parts.size() == 1) {
    return fmt::format("INTERVAL '{}' {}", parts[0].count, parts[0].unit);
  }
  std::string text;
  for (const Part& part : parts) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{} {}", part.count, ToLower(part.unit));
  }
  return fmt::format("INTERVAL '{}'", text);
}

}  // namespace millrace::sql
