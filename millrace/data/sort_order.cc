#include "millrace/data/sort_order.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "millrace/base/error.h"

namespace millrace::data {

namespace {

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<SortColumn>> All() {
    std::vector<SortColumn> out;
    SkipSpace();
    if (AtEnd()) return out;
    for (;;) {
      SortColumn column;
      ARROW_ASSIGN_OR_RAISE(column.name, Name());
      if (Take("DESC")) {
        column.descending = true;
      } else {
        (void)Take("ASC");
      }
      if (Take("NULLS")) {
        column.nulls_first = Take("FIRST");
        if (!column.nulls_first && !Take("LAST")) {
          return Failed("NULLS without FIRST or LAST");
        }
      }
      for (const SortColumn& other : out) {
        if (other.name == column.name) {
          return Failed(fmt::format("'{}' stands there twice", column.name));
        }
      }
      out.push_back(std::move(column));
      if (AtEnd()) return out;
      if (text_[at_] != ',') return Failed("a comma is missing");
      ++at_;
      SkipSpace();
    }
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  void SkipSpace() {
    while (!AtEnd() && IsSpace(text_[at_])) ++at_;
  }

  Status Failed(const std::string& what) const {
    return errors::kBadOption.Make({}, "the order '{}': {} at character {}", text_, what,
                                   at_ + 1);
  }

  Result<std::string> Name() {
    std::string out;
    if (!AtEnd() && text_[at_] == '"') {
      for (++at_; !AtEnd(); ++at_) {
        if (text_[at_] == '"' && text_.substr(at_, 2) != "\"\"") break;
        if (text_[at_] == '"') ++at_;
        out += text_[at_];
      }
      if (AtEnd()) return Failed("a quote is not closed");
      ++at_;
    } else {
      while (!AtEnd() && text_[at_] != ',' && !IsSpace(text_[at_])) out += text_[at_++];
    }
    if (out.empty()) return Failed("a column is missing");
    SkipSpace();
    return out;
  }

  // The word `wanted`, in any case, where it stands here.
  bool Take(std::string_view wanted) {
    const std::string_view here = text_.substr(at_, wanted.size());
    const bool same =
        std::equal(here.begin(), here.end(), wanted.begin(), wanted.end(),
                   [](unsigned char a, char b) { return std::toupper(a) == b; });
    const size_t end = at_ + wanted.size();
    if (!same || (end < text_.size() && text_[end] != ',' && !IsSpace(text_[end]))) {
      return false;
    }
    at_ = end;
    SkipSpace();
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<SortColumn>> ParseSortOrder(std::string_view text) {
  return Reader(text).All();
}

std::string ToText(const std::vector<SortColumn>& order) {
  std::string out;
  for (const SortColumn& column : order) {
    if (!out.empty()) out += ", ";
    out += '"';
    for (const char c : column.name)
      out += c == '"' ? std::string("\"\"") : std::string(1, c);
    out += '"';
    out += column.descending ? " DESC" : " ASC";
    out += column.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  }
  return out;
}

}  // namespace millrace::data
