#include "millrace/formats/text/encoding.h"

#include <algorithm>
#include <cstring>

#include "millrace/formats/text/errors.h"

namespace millrace::formats {

namespace {

// What windows-1252 has where Latin-1 has controls, from 0x80 on.
constexpr uint16_t kWindows[32] = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020,
                                   0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D,
                                   0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D,
                                   0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
                                   0x0153, 0x009D, 0x017E, 0x0178};

// Room for it is there.
uint8_t* Put(uint32_t c, uint8_t* out) {
  if (c < 0x80) {
    *out++ = static_cast<uint8_t>(c);
    return out;
  }
  if (c < 0x800) {
    *out++ = static_cast<uint8_t>(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      *out++ = static_cast<uint8_t>(0xE0 | c >> 12);
    } else {
      *out++ = static_cast<uint8_t>(0xF0 | c >> 18);
      *out++ = static_cast<uint8_t>(0x80 | (c >> 12 & 0x3F));
    }
    *out++ = static_cast<uint8_t>(0x80 | (c >> 6 & 0x3F));
  }
  *out++ = static_cast<uint8_t>(0x80 | (c & 0x3F));
  return out;
}

bool IsHigh(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLow(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

}  // namespace

const std::vector<std::string>& EncodingChoices() {
  static const std::vector<std::string> choices = {
      "auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"};
  return choices;
}

std::optional<TextEncoding> EncodingOf(std::string_view choice, std::string_view head,
                                       bool complete) {
  if (choice == "utf-8") return TextEncoding::kUtf8;
  if (choice == "utf-16le") return TextEncoding::kUtf16Le;
  if (choice == "utf-16be") return TextEncoding::kUtf16Be;
  if (choice == "latin-1") return TextEncoding::kLatin1;
  if (choice == "windows-1252") return TextEncoding::kWindows1252;
  constexpr std::string_view kLittle = "\xFF\xFE", kBig = "\xFE\xFF";
  if (head.starts_with(kLittle)) return TextEncoding::kUtf16Le;
  if (head.starts_with(kBig)) return TextEncoding::kUtf16Be;
  const bool may_be = kLittle.starts_with(head) || kBig.starts_with(head);
  if (may_be && !complete) return std::nullopt;
  return choice == "utf-16" ? TextEncoding::kUtf16Le : TextEncoding::kUtf8;
}

Result<ToUtf8::Step> ToUtf8::Convert(std::span<const uint8_t> in,
                                     std::span<uint8_t> out) {
  if (encoding_ == TextEncoding::kUtf16Le || encoding_ == TextEncoding::kUtf16Be) {
    return ConvertUtf16(in, out);
  }
  const bool windows = encoding_ == TextEncoding::kWindows1252;
  const uint8_t* from = in.data();
  const uint8_t* const from_end = from + in.size();
  uint8_t* to = out.data();
  uint8_t* const to_end = to + out.size();
  while (from < from_end && to_end - to >= static_cast<ptrdiff_t>(kLeastRoom)) {
    // Eight at a time where all are ASCII.
    uint64_t eight = 0;
    if (from_end - from >= 8 && to_end - to >= 8 &&
        (memcpy(&eight, from, 8), (eight & 0x8080808080808080ull) == 0)) {
      memcpy(to, from, 8);
      from += 8;
      to += 8;
      continue;
    }
    const uint8_t c = *from++;
    to = Put(windows && c >= 0x80 && c < 0xA0 ? kWindows[c - 0x80] : c, to);
  }
  const Step step{static_cast<size_t>(from - in.data()),
                  static_cast<size_t>(to - out.data())};
  done_ += static_cast<int64_t>(step.read);
  return step;
}

Result<ToUtf8::Step> ToUtf8::ConvertUtf16(std::span<const uint8_t> in,
                                          std::span<uint8_t> out) {
  const int low = encoding_ == TextEncoding::kUtf16Le ? 0 : 1;
  auto unit_at = [&](size_t at) {
    return static_cast<uint32_t>(in[at + static_cast<size_t>(low)] |
                                 in[at + static_cast<size_t>(1 - low)] << 8);
  };
  size_t at = 0;
  uint8_t* to = out.data();
  uint8_t* const to_end = to + out.size();
  while (at + 2 <= in.size() && to_end - to >= static_cast<ptrdiff_t>(kLeastRoom)) {
    uint32_t c = unit_at(at);
    size_t size = 2;
    if (IsHigh(c)) {
      if (at + 4 > in.size()) break;
      const uint32_t second = unit_at(at + 2);
      if (IsLow(second)) {
        c = 0x10000 + ((c - 0xD800) << 10) + (second - 0xDC00);
        size = 4;
      }
    }
    if (c >= 0xD800 && c < 0xE000) {
      return errors::kBadText.Make(
          {.file = file_, .byte = done_ + static_cast<int64_t>(at)},
          "{:#06x} is half a character of UTF-16", c);
    }
    to = Put(c, to);
    at += size;
  }
  done_ += static_cast<int64_t>(at);
  return Step{at, static_cast<size_t>(to - out.data())};
}

Status ToUtf8::End(std::span<const uint8_t> left) const {
  if (left.empty()) return Status::OK();
  return errors::kBadText.Make({.file = file_, .byte = done_},
                               "it ends inside a character of UTF-16");
}

}  // namespace millrace::formats
