#include "millrace/functions/scalar/json_path_internal.h"

#include <charconv>

#include "millrace/expr/errors.h"

namespace millrace::functions {

namespace {

class PathReader {
 public:
  explicit PathReader(std::string_view text) : text_(text) {}

  Result<std::vector<JsonStep>> Read() {
    std::vector<JsonStep> steps;
    at_ = 1;
    while (at_ < text_.size()) {
      JsonStep step;
      if (Take('.')) {
        ARROW_RETURN_NOT_OK(ReadField(&step));
      } else if (Take('[')) {
        ARROW_RETURN_NOT_OK(ReadBrackets(&step));
      } else {
        return Bad("expected . or [");
      }
      steps.push_back(std::move(step));
    }
    return steps;
  }

 private:
  bool Take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Status Bad(std::string_view reason) const {
    return errors::kBadJsonPath.Make({}, "'{}' at character {}: {}", text_, at_ + 1,
                                     reason);
  }

  Status ReadField(JsonStep* step) {
    if (Take('"')) return ReadQuoted('"', step);
    const size_t end = std::min(text_.find_first_of(".[", at_), text_.size());
    step->key = std::string(text_.substr(at_, end - at_));
    if (step->key.empty()) return Bad("expected the name of a field");
    if (step->key == "*") return Bad("* is not supported");
    at_ = end;
    return Status::OK();
  }

  // A backslash takes the next character literally.
  Status ReadQuoted(char quote, JsonStep* step) {
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      step->key += text_[at_++];
    }
    return Take(quote) ? Status::OK() : Bad("a quote is not closed");
  }

  Status ReadBrackets(JsonStep* step) {
    if (Take('"')) {
      ARROW_RETURN_NOT_OK(ReadQuoted('"', step));
    } else if (Take('\'')) {
      ARROW_RETURN_NOT_OK(ReadQuoted('\'', step));
    } else {
      const char* end = text_.data() + text_.size();
      const auto read = std::from_chars(text_.data() + at_, end, step->index);
      if (read.ec != std::errc()) return Bad("expected a number or a quoted name");
      at_ = static_cast<size_t>(read.ptr - text_.data());
      step->is_index = true;
    }
    return Take(']') ? Status::OK() : Bad("expected ]");
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<JsonStep>> ParseJsonPath(std::string_view text) {
  if (text.starts_with('$')) return PathReader(text).Read();
  return std::vector<JsonStep>{{false, std::string(text), 0}};
}

}  // namespace millrace::functions
