// Tokens: where the parts of JSON text begin.
//
// simdjson's first stage finds them 64 bytes at a time, by the instruction set that the
// machine has (its On-Demand front end is bound to one when it is compiled), and checks
// that the text is UTF-8 and that no string holds a raw control character, which a line
// end is too. Objects are then walked here, over many lines at once, and a line that is
// at fault costs nothing but itself.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <simdjson.h>

#include "millrace/base/error.h"
#include "millrace/base/result.h"

namespace millrace::formats::json {

/// Bytes before and after every text that may be read (not used).
inline constexpr int64_t kPadding = 64;

/// A token is one of { } [ ] : , or the first byte of a string, number or word. Token 0
/// is never a value inside an object, so a cell of 0 stands for a field that is missing.
/// Valid until the tokenizer runs again.
struct Tokens {
  const char* data = nullptr;
  const uint32_t* at = nullptr;  ///< offsets; three more after `count`, at a line end
  uint32_t count = 0;
  bool escapes = false;  ///< a backslash occurs somewhere
  const simdjson::internal::dom_parser_implementation* parser = nullptr;

  char kind(uint32_t token) const { return data[at[token]]; }

  /// Text of the string, number or word at `token`: nothing but white space parts it
  /// from the next token.
  [[gnu::always_inline]] std::string_view TextOf(uint32_t token) const {
    const char* b = data + at[token];
    const char* e = data + at[token + 1];
    while (IsSpace(e[-1])) --e;
    return {b, static_cast<size_t>(e - b)};
  }

  /// What stands between the quotes of TextOf.
  static std::string_view Inside(std::string_view text) {
    return text.substr(1, text.size() - 2);
  }

  bool HasEscape(std::string_view inside) const {
    return escapes && memchr(inside.data(), '\\', inside.size()) != nullptr;
  }

  /// Write the string whose first byte after the quote is `inside`; null when an escape
  /// is wrong. `out` has room for the text and 64 bytes more.
  char* Unescape(const char* inside, char* out) const {
    return reinterpret_cast<char*>(parser->parse_string(
        reinterpret_cast<const uint8_t*>(inside), reinterpret_cast<uint8_t*>(out)));
  }

  static bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
};

/// Used by one thread; its tokens refer to its memory.
class Tokenizer {
 public:
  /// The text of `size` bytes ends in a line end; kPadding bytes follow. Answers null, or
  /// why the text can't be: kJsonInvalidUtf8, kJsonMalformed. Fails when memory runs out.
  Result<const ErrorSpec*> Run(const char* text, int64_t size);

  const Tokens& tokens() const { return tokens_; }

 private:
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  int64_t capacity_ = 0;
  Tokens tokens_;
};

/// A number as JSON writes it: no plus, no zeros in front, digits around the dot.
bool IsNumber(std::string_view text);

/// Is the value at `token` JSON throughout? Answers the token after it, or 0.
uint32_t CheckValue(const Tokens& tokens, uint32_t token);

/// The token after the value at `token`, by brackets alone; 0 when it is no value.
[[gnu::always_inline]] inline uint32_t SkipValue(const Tokens& tokens, uint32_t token) {
  int depth = 0;
  for (;;) {
    switch (tokens.kind(token)) {
      case '{':
      case '[': ++depth; break;
      case '}':
      case ']': --depth; break;
      case ',':
      case ':':
        if (depth == 0) return 0;
        break;
      default: break;
    }
    if (depth < 0 || token >= tokens.count) [[unlikely]]
      return 0;
    ++token;
    if (depth == 0) return token;
  }
}

}  // namespace millrace::formats::json
