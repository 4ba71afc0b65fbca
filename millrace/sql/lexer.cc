#include "millrace/sql/lexer.h"

#include <optional>

#include <arrow/util/utf8.h>

#include "millrace/sql/characters_internal.h"
#include "millrace/sql/errors.h"
#include "millrace/sql/interval.h"
#include "millrace/sql/keywords.h"

namespace millrace::sql {

namespace {

bool IsWordStart(char c) {
  return IsLetter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c) || c == '$'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

bool IsValidUtf8(std::string_view text) {
  arrow::util::InitializeUTF8();
  return arrow::util::ValidateUTF8(text);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Longest first, so that the first match is the right one.
constexpr std::string_view kSymbols[] = {
    "!~*", "->>", "::", "||", "<>", "!=", "<=", ">=", "=>", "!~", "~*",
    "==",  "->",  "+",  "-",  "*",  "/",  "%",  "=",  "<",  ">",  "(",
    ")",   "[",   "]",  "{",  "}",  ",",  ".",  ";",  ":",  "~"};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<TokenStream> Run() {
    if (!IsValidUtf8(text_)) return InvalidUtf8();
    while (true) {
      ARROW_ASSIGN_OR_RAISE(bool spaced, SkipSpace());
      start_ = Here();
      if (AtEnd()) {
        Emit(TokenKind::kEnd, "", spaced);
        return std::move(out_);
      }
      ARROW_RETURN_NOT_OK(Next(spaced));
    }
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  // The position is advanced from the last one asked for, so that a long line costs no
  // more than a short one.
  Location Here() {
    for (; located_ < at_; ++located_) {
      if (text_[located_] == '\n') {
        ++location_.line;
        location_.column = 1;
      } else if ((static_cast<unsigned char>(text_[located_]) & 0xC0) != 0x80) {
        ++location_.column;
      }
    }
    return location_;
  }

  Status InvalidUtf8() {
    // The valid prefix that a caller can be pointed to: whole lines are cheap to test.
    size_t line_begin = 0;
    while (true) {
      const size_t line_end = text_.find('\n', line_begin);
      const std::string_view line = text_.substr(line_begin, line_end - line_begin);
      if (!IsValidUtf8(line) || line_end == std::string_view::npos) break;
      line_begin = line_end + 1;
    }
    at_ = line_begin;
    return errors::kSqlBadCharacter.Make(Here().ToWhere(), "the line is not UTF-8");
  }

  void Emit(TokenKind kind, std::string text, bool spaced) {
    Token token{kind, std::move(text), {}, start_, spaced};
    if (kind == TokenKind::kWord) token.keyword = ToUpper(token.text);
    out_.tokens.push_back(std::move(token));
  }

  Result<bool> SkipSpace() {
    const size_t begin = at_;
    while (!AtEnd()) {
      if (IsSpace(Peek())) {
        ++at_;
      } else if (Peek() == '-' && Peek(1) == '-') {
        LineComment();
      } else if (Peek() == '/' && Peek(1) == '*') {
        ARROW_RETURN_NOT_OK(BlockComment());
      } else {
        break;
      }
    }
    return at_ != begin;
  }

  void LineComment() {
    const Location where = Here();
    size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) end = text_.size();
    std::string_view body = Trim(text_.substr(at_ + 2, end - at_ - 2));
    at_ = end;
    if (body.empty() || body.front() != '@') return;
    body.remove_prefix(1);
    size_t name_end = 0;
    while (name_end < body.size() &&
           (IsWordPart(body[name_end]) || body[name_end] == '.')) {
      ++name_end;
    }
    if (name_end == 0) return;
    const std::string_view name = body.substr(0, name_end);
    std::string_view value = Trim(body.substr(name_end));
    if (!value.empty()) {
      // Without a colon it is a remark that happens to begin with '@'.
      if (value.front() != ':') return;
      value = Trim(value.substr(1));
    }
    out_.annotations.push_back(
        {std::string(name), std::string(value), where, out_.tokens.size()});
  }

  Status BlockComment() {
    const Location where = Here();
    int depth = 0;
    while (!AtEnd()) {
      if (Peek() == '/' && Peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (Peek() == '*' && Peek(1) == '/') {
        at_ += 2;
        if (--depth == 0) return Status::OK();
      } else {
        ++at_;
      }
    }
    return errors::kSqlUnterminated.Make(where.ToWhere(), "comment begins here with /*");
  }

  Status Next(bool spaced) {
    const char c = Peek();
    if (c == '\'') return QuotedString(spaced);
    if ((c == 'e' || c == 'E') && Peek(1) == '\'') return EscapedString(spaced);
    if ((c == 'x' || c == 'X') && Peek(1) == '\'') return HexString(spaced);
    if (c == '"' || c == '`') return QuotedWord(c, spaced);
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number(spaced);
    if (IsWordStart(c)) {
      const size_t begin = at_;
      while (!AtEnd() && IsWordPart(Peek())) ++at_;
      Emit(TokenKind::kWord, std::string(text_.substr(begin, at_ - begin)), spaced);
      return Status::OK();
    }
    for (std::string_view symbol : kSymbols) {
      if (text_.substr(at_, symbol.size()) == symbol) {
        at_ += symbol.size();
        Emit(TokenKind::kSymbol, std::string(symbol), spaced);
        return Status::OK();
      }
    }
    if (c >= ' ' && c < 0x7F) {
      return errors::kSqlBadCharacter.Make(start_.ToWhere(), "found {}", c);
    }
    return errors::kSqlBadCharacter.Make(start_.ToWhere(), "found byte 0x{:02X}",
                                         static_cast<unsigned char>(c));
  }

  // The text up to the closing `quote`; a doubled one stands for itself.
  Result<std::string> Quoted(char quote, std::string_view what) {
    std::string value;
    ++at_;
    while (!AtEnd()) {
      if (Peek() != quote) {
        value.push_back(text_[at_++]);
      } else if (Peek(1) == quote) {
        value.push_back(quote);
        at_ += 2;
      } else {
        ++at_;
        return value;
      }
    }
    return errors::kSqlUnterminated.Make(start_.ToWhere(), "{} begins here with {}", what,
                                         quote);
  }

  Status QuotedString(bool spaced) {
    ARROW_ASSIGN_OR_RAISE(std::string value, Quoted('\'', "string"));
    Emit(TokenKind::kString, std::move(value), spaced);
    return Status::OK();
  }

  Status QuotedWord(char quote, bool spaced) {
    ARROW_ASSIGN_OR_RAISE(std::string value, Quoted(quote, "name"));
    if (value.empty()) {
      return errors::kSqlBadLiteral.Make(start_.ToWhere(), "a quoted name is empty");
    }
    Emit(TokenKind::kQuotedWord, std::move(value), spaced);
    return Status::OK();
  }

  Status HexString(bool spaced) {
    ++at_;
    ARROW_ASSIGN_OR_RAISE(std::string value, Quoted('\'', "binary string"));
    for (char& c : value) {
      if (HexDigit(c) < 0) {
        return errors::kSqlBadLiteral.Make(start_.ToWhere(),
                                           "X'…' takes hexadecimal digits only");
      }
    }
    if (value.size() % 2 != 0) {
      return errors::kSqlBadLiteral.Make(start_.ToWhere(),
                                         "X'…' takes an even number of digits");
    }
    Emit(TokenKind::kBytes, ToUpper(value), spaced);
    return Status::OK();
  }

  Result<uint32_t> HexEscape(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = HexDigit(Peek());
      if (digit < 0) {
        return errors::kSqlBadLiteral.Make(Here().ToWhere(),
                                           "escape takes {} hexadecimal digits", digits);
      }
      value = value * 16 + static_cast<uint32_t>(digit);
      ++at_;
    }
    return value;
  }

  Status EscapedString(bool spaced) {
    std::string value;
    at_ += 2;
    while (true) {
      if (AtEnd()) {
        return errors::kSqlUnterminated.Make(start_.ToWhere(),
                                             "string begins here with E'");
      }
      const char c = text_[at_++];
      if (c == '\'') {
        if (Peek() != '\'') break;
        ++at_;
        value.push_back('\'');
      } else if (c == '\\' && !AtEnd()) {
        ARROW_RETURN_NOT_OK(Escape(&value));
      } else {
        value.push_back(c);
      }
    }
    if (!IsValidUtf8(value)) {
      return errors::kSqlBadLiteral.Make(start_.ToWhere(),
                                         "the escapes don't make valid UTF-8");
    }
    Emit(TokenKind::kString, std::move(value), spaced);
    return Status::OK();
  }

  Status Escape(std::string* value) {
    const char escaped = text_[at_++];
    switch (escaped) {
      case 'n': value->push_back('\n'); return Status::OK();
      case 't': value->push_back('\t'); return Status::OK();
      case 'r': value->push_back('\r'); return Status::OK();
      case 'b': value->push_back('\b'); return Status::OK();
      case 'f': value->push_back('\f'); return Status::OK();
      case 'x': {
        ARROW_ASSIGN_OR_RAISE(uint32_t byte, HexEscape(2));
        value->push_back(static_cast<char>(byte));
        return Status::OK();
      }
      case 'u': {
        ARROW_ASSIGN_OR_RAISE(uint32_t code, HexEscape(4));
        AppendUtf8(code, value);
        return Status::OK();
      }
      default: value->push_back(escaped); return Status::OK();
    }
  }

  Status Number(bool spaced) {
    const size_t begin = at_;
    TokenKind kind = TokenKind::kInteger;
    while (IsDigit(Peek())) ++at_;
    if (Peek() == '.' && (IsDigit(Peek(1)) || !IsWordPart(Peek(1)))) {
      kind = TokenKind::kDecimal;
      ++at_;
      while (IsDigit(Peek())) ++at_;
    }
    const size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
    if ((Peek() == 'e' || Peek() == 'E') && IsDigit(Peek(1 + sign))) {
      kind = TokenKind::kFloat;
      at_ += 1 + sign;
      while (IsDigit(Peek())) ++at_;
    }
    if (!AtEnd() && IsWordPart(Peek())) {
      while (!AtEnd() && (IsWordPart(Peek()) || (Peek() == '.' && IsDigit(Peek(1))))) {
        ++at_;
      }
      const std::string_view text = text_.substr(begin, at_ - begin);
      if (!IsDuration(text)) {
        return errors::kSqlBadLiteral.Make(
            start_.ToWhere(), "found {}: not a number, nor a duration such as 5m", text);
      }
      kind = TokenKind::kDuration;
    }
    Emit(kind, std::string(text_.substr(begin, at_ - begin)), spaced);
    return Status::OK();
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t located_ = 0;
  Location location_{1, 1};
  Location start_;
  TokenStream out_;
};

}  // namespace

Result<TokenStream> Tokenize(std::string_view text) { return Lexer(text).Run(); }

}  // namespace millrace::sql
