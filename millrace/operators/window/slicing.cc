#include "millrace/operators/window/slicing.h"

#include <algorithm>
#include <limits>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <date/date.h>
#include <date/tz.h>

#include "millrace/functions/time_zone.h"

namespace millrace::operators {

namespace {

using Micros = std::chrono::microseconds;
using Kind = plan::Window::Kind;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kDay = 86'400'000'000;
// Beyond these the calendar of the library ends; so do the clocks of time zones.
constexpr int64_t kLastYear = 32'767;

int64_t FloorDiv(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b < 0 ? quotient - 1 : quotient;
}

int64_t CeilDiv(int64_t a, int64_t b) { return -FloorDiv(-a, b); }

int64_t Clamped(__int128 value) {
  return static_cast<int64_t>(std::clamp<__int128>(value, kMin, kMax));
}

int64_t MonthOf(int64_t wall) {
  const date::sys_days day{date::days(FloorDiv(wall, kDay))};
  const date::year_month_day civil(day);
  return (static_cast<int>(civil.year()) - 1970) * int64_t{12} +
         static_cast<int64_t>(static_cast<unsigned>(civil.month())) - 1;
}

int64_t StartOfMonth(int64_t month) {
  const int64_t year =
      std::clamp<int64_t>(1970 + FloorDiv(month, 12), -kLastYear, kLastYear);
  const int64_t in_year = month - FloorDiv(month, 12) * 12;
  const date::sys_days day =
      date::year(static_cast<int>(year)) / static_cast<int>(in_year + 1) / 1;
  return day.time_since_epoch().count() * kDay;
}

// One look-up for neighbours that are the same.
template <typename Look>
Result<std::shared_ptr<arrow::Array>> Each(const arrow::Array& windows,
                                           const std::shared_ptr<arrow::DataType>& type,
                                           arrow::MemoryPool* pool, const Look& look) {
  const int64_t rows = windows.length();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                        arrow::AllocateBuffer(rows * 8, pool));
  const int64_t* window = windows.data()->GetValues<int64_t>(1);
  auto* out = reinterpret_cast<int64_t*>(data->mutable_data());
  for (int64_t i = 0; i < rows; ++i) {
    out[i] = i > 0 && window[i] == window[i - 1] ? out[i - 1] : look(window[i]);
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, rows, {nullptr, std::move(data)}, 0));
}

int64_t OffsetOf(const date::sys_info& info) {
  return std::chrono::duration_cast<Micros>(info.offset).count();
}

}  // namespace

Slicing::Slicing(const plan::Window& window)
    : kind_(window.kind), offset_(window.offset_micros), local_{kMin, kMax, 0} {
  const plan::Span slice = window.Slice().size;
  months_ = slice.months;
  micros_ = slice.micros;
  const auto slices = [this](const plan::Span& span) {
    return months_ != 0 ? span.months / months_ : span.micros / micros_;
  };
  size_ = slices(window.size);
  step_ = slices(window.step);
}

Result<Slicing> Slicing::Make(const plan::Window& window) {
  Slicing out(window);
  if (window.time_zone.empty()) return out;
  ARROW_ASSIGN_OR_RAISE(out.zone_, functions::LocateTimeZone(window.time_zone));
  out.local_ = {0, 0, 0};
  return out;
}

const Slicing::Local& Slicing::LocalAt(int64_t instant) const {
  if (zone_ == nullptr || (instant >= local_.begin && instant < local_.end)) {
    return local_;
  }
  const date::sys_info info = zone_->get_info(date::sys_time<Micros>{Micros(instant)});
  const auto micros = [](const auto& at) {
    return Clamped(static_cast<__int128>(at.time_since_epoch().count()) * 1'000'000);
  };
  local_ = {micros(info.begin), micros(info.end), OffsetOf(info)};
  return local_;
}

int64_t Slicing::SliceOfLocal(int64_t wall) const {
  if (months_ != 0) return FloorDiv(MonthOf(wall - offset_), months_);
  return FloorDiv(wall - offset_, micros_);
}

int64_t Slicing::LocalStart(int64_t slice) const {
  if (months_ != 0) return StartOfMonth(slice * months_) + offset_;
  return Clamped(static_cast<__int128>(slice) * micros_ + offset_);
}

Slicing::Range Slicing::Find(int64_t instant) const {
  const Local& local = LocalAt(instant);
  Range out;
  out.slice = SliceOfLocal(instant + local.offset);
  const auto instant_of = [&](int64_t wall) {
    return Clamped(static_cast<__int128>(wall) - local.offset);
  };
  out.begin = std::max(local.begin, instant_of(LocalStart(out.slice)));
  out.end = std::min(local.end, instant_of(LocalStart(out.slice + 1)));
  return out;
}

// The first instant at which the wall shows this time or a later one.
int64_t Slicing::StartOf(int64_t slice) const {
  const int64_t wall = LocalStart(slice);
  if (zone_ == nullptr) return wall;
  const auto info = zone_->get_info(date::local_time<Micros>{Micros(wall)});
  if (info.result == date::local_info::nonexistent) {
    return std::chrono::duration_cast<Micros>(info.second.begin.time_since_epoch())
        .count();
  }
  return wall - OffsetOf(info.first);
}

// The first instant behind all at which the wall shows an earlier time than the next
// slice's first.
int64_t Slicing::EndOf(int64_t slice) const {
  const int64_t wall = LocalStart(slice + 1);
  if (zone_ == nullptr) return wall;
  const auto info = zone_->get_info(date::local_time<Micros>{Micros(wall)});
  const int64_t change =
      std::chrono::duration_cast<Micros>(info.first.end.time_since_epoch()).count();
  if (info.result == date::local_info::nonexistent) return change;
  const int64_t first = wall - OffsetOf(info.first);
  if (info.result == date::local_info::unique) return first;
  // At the very time to which clocks are put back nothing earlier is shown again.
  const int64_t back_to = change + OffsetOf(info.second);
  return wall == back_to ? first : wall - OffsetOf(info.second);
}

int64_t Slicing::FirstWindow(int64_t slice) const {
  if (kind_ != Kind::kSliding) return slice;
  return CeilDiv(slice - size_ + 1, step_) * step_ + size_ - 1;
}

int64_t Slicing::LastWindow(int64_t slice) const {
  switch (kind_) {
    case Kind::kTumbling:
    case Kind::kSession: return slice;
    case Kind::kSliding: return FloorDiv(slice, step_) * step_ + size_ - 1;
    case Kind::kCumulating: return (FloorDiv(slice, size_) + 1) * size_ - 1;
  }
  return slice;
}

int64_t Slicing::WindowStep() const { return kind_ == Kind::kSliding ? step_ : 1; }

int64_t Slicing::FirstSlice(int64_t window) const {
  switch (kind_) {
    case Kind::kTumbling:
    case Kind::kSession: return window;
    case Kind::kSliding: return window - size_ + 1;
    case Kind::kCumulating: return FloorDiv(window, size_) * size_;
  }
  return window;
}

int64_t Slicing::FirstOpen(int64_t watermark) const {
  if (watermark == kMin) return kMin;
  if (watermark == kMax) return kMax;
  int64_t slice = SliceOf(watermark + 1);
  // Before clocks are put back earlier slices will be met again.
  while (zone_ != nullptr && EndOf(slice - 1) > watermark + 1) --slice;
  return slice;
}

Result<WindowBounds::ArrayPtr> WindowBounds::Starts(
    const arrow::Array& windows, const std::shared_ptr<arrow::DataType>& type,
    arrow::MemoryPool* pool) const {
  return Each(windows, type, pool, [this](int64_t window) { return StartOf(window); });
}

Result<WindowBounds::ArrayPtr> WindowBounds::Ends(
    const arrow::Array& windows, const std::shared_ptr<arrow::DataType>& type,
    arrow::MemoryPool* pool) const {
  return Each(windows, type, pool, [this](int64_t window) { return EndOf(window); });
}

}  // namespace millrace::operators
