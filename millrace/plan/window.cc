#include "millrace/plan/window.h"

#include <numeric>

#include <fmt/format.h>

namespace millrace::plan {

namespace {

std::string DurationText(int64_t micros) {
  struct Unit {
    int64_t micros;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86'400'000'000, "d"}, {3'600'000'000, "h"},
                             {60'000'000, "m"},     {1'000'000, "s"},
                             {1'000, "ms"},         {1, "us"}};
  for (const Unit& unit : kUnits) {
    if (micros % unit.micros == 0)
      return std::to_string(micros / unit.micros) + unit.name;
  }
  return "";
}

}  // namespace

std::string Span::ToString() const {
  if (months == 0) return DurationText(micros);
  return months % 12 == 0 ? fmt::format("{} year", months / 12)
                          : fmt::format("{} month", months);
}

Window Window::Slice() const {
  Window out = *this;
  out.kind = Kind::kTumbling;
  out.assigned = false;
  out.size = {std::gcd(size.months, step.months), std::gcd(size.micros, step.micros)};
  out.step = out.size;
  return out;
}

std::string Window::ToString() const {
  std::string out;
  switch (kind) {
    case Kind::kTumbling: out = "tumbling " + size.ToString(); break;
    case Kind::kSliding:
      out = fmt::format("sliding {} every {}", size.ToString(), step.ToString());
      break;
    case Kind::kCumulating:
      out = fmt::format("cumulating {} up to {}", step.ToString(), size.ToString());
      break;
    case Kind::kSession:
      out = "session " + size.ToString();
      if (longest.micros != 0) out += " up to " + longest.ToString();
      break;
  }
  if (offset_micros != 0) out += " offset " + DurationText(offset_micros);
  if (!time_zone.empty()) out += " in " + time_zone;
  if (grace_micros != 0) out += " grace " + DurationText(grace_micros);
  if (late == Late::kDeadLetter) out += " late to dead letters";
  if (late == Late::kNextWindow) out += " late into the next";
  return out;
}

}  // namespace millrace::plan
