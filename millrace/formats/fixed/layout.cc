#include "millrace/formats/fixed/layout.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "millrace/formats/fixed/errors.h"

namespace millrace::formats::fixed {

namespace {

// Offsets of records are 32-bit.
constexpr int64_t kMostCharacters = int64_t{1} << 24;

std::string_view Stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n\r") + 1 - begin);
}

bool ParseCount(std::string_view text, int64_t* out) {
  text = Stripped(text);
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc() && at == end && *out >= 1 && *out <= kMostCharacters;
}

// name:first-last, or name:at for one character.
Status AddField(std::string_view text, Layout* out) {
  FieldPlace field;
  const size_t colon = text.rfind(':');
  const std::string_view places =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const size_t dash = places.find('-');
  int64_t first = 0, last = 0;
  bool good = ParseCount(places.substr(0, dash), &first);
  good &= dash == std::string_view::npos || ParseCount(places.substr(dash + 1), &last);
  if (dash == std::string_view::npos) last = first;
  if (good) field.name = std::string(Stripped(text.substr(0, colon)));
  if (!good || last < first || field.name.empty()) {
    return errors::kFixedLayout.Make({}, "'{}' is no name:first-last", Stripped(text));
  }
  field.begin = first - 1;
  field.end = last;
  out->fields.push_back(std::move(field));
  return Status::OK();
}

Status AddWidths(const Config& options, Layout* out) {
  int64_t at = 0;
  for (const std::string& text : options.GetList("widths")) {
    int64_t width = 0;
    if (!ParseCount(text, &width) || at + width > kMostCharacters) {
      return errors::kFixedLayout.Make({}, "'{}' is no width", text);
    }
    out->fields.push_back({.name = "", .begin = at, .end = at + width});
    at += width;
  }
  if (!options.given("names")) return Status::OK();
  const auto& names = options.GetList("names");
  if (names.size() != out->fields.size()) {
    return errors::kFixedLayout.Make({}, "there are {} widths and {} names",
                                     out->fields.size(), names.size());
  }
  for (size_t i = 0; i < names.size(); ++i) {
    out->fields[i].name = std::string(Stripped(names[i]));
  }
  return Status::OK();
}

}  // namespace

Result<Layout> MakeLayout(const Config& options) {
  Layout out;
  const bool by_place = options.given("fields"), by_width = options.given("widths");
  if (by_place == by_width) {
    return errors::kFixedLayout.Make({}, "{} of 'fields' and 'widths' given",
                                     by_place ? "both" : "none");
  }
  if (options.given("names") && !by_width) {
    return errors::kFixedLayout.Make({}, "option 'names' goes with 'widths'");
  }
  if (by_width) {
    ARROW_RETURN_NOT_OK(AddWidths(options, &out));
  } else {
    for (const std::string& field : options.GetList("fields")) {
      ARROW_RETURN_NOT_OK(AddField(field, &out));
    }
  }
  if (out.fields.empty()) return errors::kFixedLayout.Make({}, "there are no fields");
  out.named = !out.fields.front().name.empty();
  std::set<std::string_view> names;
  for (const FieldPlace& field : out.fields) {
    out.width = std::max(out.width, field.end);
    if (!out.named) continue;
    if (field.name.empty() || !names.insert(field.name).second) {
      return errors::kFixedLayout.Make({.column = field.name},
                                       "a name is empty or stands twice");
    }
  }
  return out;
}

const ConfigSpec& LayoutOptions() {
  static const ConfigSpec spec({
      {.name = "fields",
       .type = OptionType::kList,
       .doc = "Where the fields stand: name:first-last, divided by commas, in characters "
              "from 1. They may leave gaps."},
      {.name = "widths",
       .type = OptionType::kList,
       .doc = "Instead of fields: how many characters each field has, without gaps."},
      {.name = "names",
       .type = OptionType::kList,
       .doc = "With widths, the names of the fields."},
  });
  return spec;
}

int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), BeginsCharacter);
}

size_t OffsetOfCharacter(std::string_view text, int64_t count) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!BeginsCharacter(text[i])) continue;
    if (count-- == 0) return i;
  }
  return text.size();
}

}  // namespace millrace::formats::fixed
