#include "millrace/formats/json/tokens.h"

#include <algorithm>
#include <string>
#include <vector>

#include "millrace/formats/json/errors.h"

namespace millrace::formats::json {

Result<const ErrorSpec*> Tokenizer::Run(const char* text, int64_t size) {
  using simdjson::error_code;
  if (size > capacity_) {
    const int64_t capacity = std::max<int64_t>(size, 2 * capacity_);
    error_code error;
    if (parser_) {
      error = parser_->set_capacity(static_cast<size_t>(capacity));
    } else {
      error = simdjson::get_active_implementation()->create_dom_parser_implementation(
          static_cast<size_t>(capacity), simdjson::DEFAULT_MAX_DEPTH, parser_);
    }
    if (error != error_code::SUCCESS) {
      return Status::OutOfMemory("no memory for the index of ", size, " bytes of JSON");
    }
    capacity_ = capacity;
  }
  tokens_ = {.data = text, .parser = parser_.get()};
  const error_code error =
      parser_->stage1(reinterpret_cast<const uint8_t*>(text), static_cast<size_t>(size),
                      simdjson::stage1_mode::regular);
  if (error == error_code::UTF8_ERROR) return &errors::kJsonInvalidUtf8;
  if (error != error_code::SUCCESS && error != error_code::EMPTY) {
    return &errors::kJsonMalformed;
  }
  uint32_t* at = parser_->structural_indexes.get();
  tokens_.count = error == error_code::EMPTY ? 0 : parser_->n_structural_indexes;
  // A walk that runs over the end finds line ends there, which are no token.
  std::fill_n(at + tokens_.count, 3, static_cast<uint32_t>(size - 1));
  tokens_.at = at;
  tokens_.escapes = memchr(text, '\\', static_cast<size_t>(size)) != nullptr;
  return nullptr;
}

bool IsNumber(std::string_view text) {
  const char* p = text.data();
  const char* const e = p + text.size();
  auto digits = [&p, e] {
    const char* const begin = p;
    while (p < e && *p >= '0' && *p <= '9') ++p;
    return p > begin;
  };
  if (p < e && *p == '-') ++p;
  if (p < e && *p == '0') {
    ++p;
  } else if (!digits()) {
    return false;
  }
  if (p < e && *p == '.') {
    ++p;
    if (!digits()) return false;
  }
  if (p < e && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < e && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return false;
  }
  return p == e;
}

namespace {

bool CheckString(const Tokens& tokens, uint32_t token, std::string* scratch) {
  const std::string_view inside = Tokens::Inside(tokens.TextOf(token));
  if (!tokens.HasEscape(inside)) return true;
  scratch->resize(inside.size() + kPadding);
  return tokens.Unescape(inside.data(), scratch->data()) != nullptr;
}

}  // namespace

uint32_t CheckValue(const Tokens& tokens, uint32_t token) {
  std::vector<char> closers;  // of the objects and arrays that are open
  std::string scratch;
  // A name and its colon before a value in an object.
  auto name = [&] {
    if (tokens.kind(token) != '"' || tokens.kind(token + 1) != ':' ||
        !CheckString(tokens, token, &scratch)) {
      return false;
    }
    token += 2;
    return true;
  };
  for (;;) {
    if (token >= tokens.count) return 0;
    const char kind = tokens.kind(token);
    bool closed = true;
    if (kind == '{' || kind == '[') {
      const char closer = kind == '{' ? '}' : ']';
      ++token;
      if (tokens.kind(token) == closer) {
        ++token;
      } else {
        closers.push_back(closer);
        if (closer == '}' && !name()) return 0;
        closed = false;
      }
    } else if (kind == '"') {
      if (!CheckString(tokens, token++, &scratch)) return 0;
    } else {
      const std::string_view text = tokens.TextOf(token++);
      if (text != "null" && text != "true" && text != "false" && !IsNumber(text)) {
        return 0;
      }
    }
    if (!closed) continue;
    while (!closers.empty() && tokens.kind(token) == closers.back()) {
      closers.pop_back();
      ++token;
    }
    if (closers.empty()) return token;
    if (tokens.kind(token++) != ',') return 0;
    if (closers.back() == '}' && !name()) return 0;
  }
}

}  // namespace millrace::formats::json
