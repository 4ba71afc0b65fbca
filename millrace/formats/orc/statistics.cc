#include "millrace/formats/orc/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "millrace/formats/orc/wire.h"

namespace millrace::formats::orc_format {

namespace {

enum class Rule { kLeast, kMost, kSum };
enum class Form { kSigned, kReal, kText, kCounts };

struct Known {
  uint32_t kind;
  uint32_t field;
  Rule rule;
  Form form;
};

// Fields of ColumnStatistics (by kind) and within them. Sums of numbers are left out: a
// reader asks for the range of a column, hardly for its sum.
constexpr Known kKnown[] = {
    {2, 1, Rule::kLeast, Form::kSigned}, {2, 2, Rule::kMost, Form::kSigned},
    {3, 1, Rule::kLeast, Form::kReal},   {3, 2, Rule::kMost, Form::kReal},
    {4, 1, Rule::kLeast, Form::kText},   {4, 2, Rule::kMost, Form::kText},
    {4, 3, Rule::kSum, Form::kSigned},   {5, 1, Rule::kSum, Form::kCounts},
    {7, 1, Rule::kLeast, Form::kSigned}, {7, 2, Rule::kMost, Form::kSigned},
    {8, 1, Rule::kSum, Form::kSigned},   {9, 1, Rule::kLeast, Form::kSigned},
    {9, 2, Rule::kMost, Form::kSigned},  {9, 3, Rule::kLeast, Form::kSigned},
    {9, 4, Rule::kMost, Form::kSigned},
};

const Known* Find(uint32_t kind, uint32_t field) {
  for (const Known& known : kKnown) {
    if (known.kind == kind && known.field == field) return &known;
  }
  return nullptr;
}

constexpr uint32_t kNumberOfValues = 1;
constexpr uint32_t kHasNull = 10;
constexpr uint32_t kBytesOnDisk = 11;

}  // namespace

bool ColumnStatistics::Read(uint32_t kind, std::string_view message, Values* out) {
  WireReader fields(message);
  for (WireField field; fields.Next(&field);) {
    const Known* known = Find(kind, field.number);
    if (known == nullptr) continue;
    Value value;
    if (known->form == Form::kSigned && field.type == WireType::kVarint) {
      value.integer = UnZigZag(field.value);
    } else if (known->form == Form::kReal && field.type == WireType::kFixed64) {
      value.real = std::bit_cast<double>(field.value);
    } else if (known->form == Form::kText && field.type == WireType::kBytes) {
      value.text = field.bytes;
    } else if (known->form == Form::kCounts) {
      // One number, which may stand alone or in a list.
      uint64_t count = field.value;
      if (field.type == WireType::kBytes) {
        const std::string one = std::string("\x08", 1) + std::string(field.bytes);
        WireReader packed(one);
        WireField number;
        if (!packed.Next(&number) || number.whole.size() != one.size()) return false;
        count = number.value;
      }
      value.integer = static_cast<int64_t>(count);
    } else {
      return false;
    }
    out->emplace(Place(kind, field.number), std::move(value));
  }
  return fields.ok();
}

// False when nothing can be said of both.
bool ColumnStatistics::Combine(const Place& place, const Value& other, Value* into) {
  const Known& known = *Find(place.first, place.second);
  switch (known.rule) {
    case Rule::kSum:
      return !__builtin_add_overflow(into->integer, other.integer, &into->integer);
    case Rule::kLeast:
      into->integer = std::min(into->integer, other.integer);
      into->real = std::min(into->real, other.real);
      if (other.text < into->text) into->text = other.text;
      break;
    case Rule::kMost:
      into->integer = std::max(into->integer, other.integer);
      into->real = std::max(into->real, other.real);
      if (other.text > into->text) into->text = other.text;
      break;
  }
  return !std::isnan(into->real) && !std::isnan(other.real);
}

bool ColumnStatistics::Add(std::string_view message) {
  uint64_t values = 0;
  Values of_kind;
  WireReader fields(message);
  for (WireField field; fields.Next(&field);) {
    if (field.number == kNumberOfValues) {
      values = field.value;
    } else if (field.number == kHasNull) {
      has_null_ |= field.value != 0;
    } else if (field.number == kBytesOnDisk) {
      bytes_on_disk_ += field.value;
    } else if (field.type == WireType::kBytes) {
      if (!Read(field.number, field.bytes, &of_kind)) return false;
    }
  }
  if (!fields.ok()) return false;
  if (values_ == 0) {
    of_kind_ = std::move(of_kind);
  } else if (values > 0) {
    for (auto at = of_kind_.begin(); at != of_kind_.end();) {
      const auto other = of_kind.find(at->first);
      const bool known =
          other != of_kind.end() && Combine(at->first, other->second, &at->second);
      at = known ? std::next(at) : of_kind_.erase(at);
    }
  }
  values_ += values;
  return true;
}

std::string ColumnStatistics::Write() const {
  WireWriter out;
  out.Varint(kNumberOfValues, values_);
  for (auto at = of_kind_.begin(); at != of_kind_.end();) {
    const uint32_t kind = at->first.first;
    WireWriter message;
    for (; at != of_kind_.end() && at->first.first == kind; ++at) {
      const auto& [place, value] = *at;
      switch (Find(place.first, place.second)->form) {
        case Form::kSigned: message.ZigZag(place.second, value.integer); break;
        case Form::kReal:
          message.Fixed64(place.second, std::bit_cast<uint64_t>(value.real));
          break;
        case Form::kText: message.Bytes(place.second, value.text); break;
        case Form::kCounts: {
          WireWriter one;
          one.Varint(1, static_cast<uint64_t>(value.integer));
          message.Bytes(place.second, std::string_view(one.text()).substr(1));
          break;
        }
      }
    }
    out.Bytes(kind, message.text());
  }
  out.Varint(kHasNull, has_null_ ? 1 : 0);
  out.Varint(kBytesOnDisk, bytes_on_disk_);
  return out.text();
}

}  // namespace millrace::formats::orc_format
