#include "millrace/functions/scalar/json_reader_internal.h"

#include <simdjson.h>

namespace millrace::functions {

namespace {

namespace ondemand = simdjson::ondemand;
using Kind = ondemand::json_type;

// Deeper texts count as broken: values are walked by recursion.
constexpr int kMaxDepth = 500;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view WithoutBlanks(std::string_view token) {
  while (!token.empty() &&
         std::string_view(" \t\r\n").find(token.back()) != std::string_view::npos) {
    token.remove_suffix(1);
  }
  return token;
}

size_t Digits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// The grammar of numbers only: those that no machine type holds are values too.
bool IsNumber(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = Digits(text, at);
  if (whole == at || (text[at] == '0' && whole > at + 1)) return false;
  at = whole;
  if (at < text.size() && text[at] == '.') {
    const size_t end = Digits(text, at + 1);
    if (end == at + 1) return false;
    at = end;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t end = Digits(text, at);
    if (end == at) return false;
    at = end;
  }
  return at == text.size();
}

// A key as it is written, without its quotes.
std::string_view RawKey(ondemand::field& field) {
  const char* begin = field.key().raw();
  const char* end = begin;
  // Strings end before the text does: the first pass has seen to that.
  for (; *end != '"'; ++end) {
    if (*end == '\\') ++end;
  }
  return std::string_view(begin, static_cast<size_t>(end - begin));
}

bool KeyIs(ondemand::field& field, std::string_view wanted, bool* same) {
  std::string_view key = RawKey(field);
  if (key.find('\\') != std::string_view::npos &&
      field.unescaped_key().get(key) != simdjson::SUCCESS) {
    return false;
  }
  *same = key == wanted;
  return true;
}

bool FieldNamed(ondemand::value& value, std::string_view name, ondemand::value* out) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return false;
  for (auto next : object) {
    ondemand::field field;
    bool same = false;
    if (std::move(next).get(field) != simdjson::SUCCESS || !KeyIs(field, name, &same)) {
      return false;
    }
    if (same) {
      *out = field.value();
      return true;
    }
  }
  return false;
}

bool ValueAt(ondemand::value& value, int64_t index, ondemand::value* out) {
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return false;
  if (index < 0) {
    size_t size;
    if (array.count_elements().get(size) != simdjson::SUCCESS) return false;
    index += static_cast<int64_t>(size);
    if (index < 0) return false;
  }
  for (auto next : array) {
    if (index-- > 0) {
      if (next.error() != simdjson::SUCCESS) return false;
      continue;
    }
    return std::move(next).get(*out) == simdjson::SUCCESS;
  }
  return false;
}

// Checks all of a value and appends it without blanks.
bool AppendJson(ondemand::value value, int depth, std::string* out);

bool AppendScalar(ondemand::value& value, Kind kind, std::string* out) {
  const std::string_view token = WithoutBlanks(value.raw_json_token());
  bool valid = false;
  switch (kind) {
    case Kind::string: {
      std::string_view text;
      valid = value.get_string().get(text) == simdjson::SUCCESS;
      break;
    }
    case Kind::number: valid = IsNumber(token); break;
    case Kind::boolean: valid = token == "true" || token == "false"; break;
    default: valid = token == "null"; break;
  }
  out->append(token);
  return valid;
}

bool AppendArray(ondemand::value& value, int depth, std::string* out) {
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return false;
  *out += '[';
  bool first = true;
  for (auto next : array) {
    ondemand::value item;
    if (std::move(next).get(item) != simdjson::SUCCESS) return false;
    if (!first) *out += ',';
    first = false;
    if (!AppendJson(item, depth + 1, out)) return false;
  }
  *out += ']';
  return true;
}

bool AppendObject(ondemand::value& value, int depth, std::string* out) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return false;
  *out += '{';
  bool first = true;
  for (auto next : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(next).get(field) != simdjson::SUCCESS) return false;
    const std::string_view raw = RawKey(field);
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
    if (!first) *out += ',';
    first = false;
    out->append("\"").append(raw).append("\":");
    if (!AppendJson(field.value(), depth + 1, out)) return false;
  }
  *out += '}';
  return true;
}

bool AppendJson(ondemand::value value, int depth, std::string* out) {
  Kind kind;
  if (depth > kMaxDepth || value.type().get(kind) != simdjson::SUCCESS) return false;
  switch (kind) {
    case Kind::array: return AppendArray(value, depth, out);
    case Kind::object: return AppendObject(value, depth, out);
    default: return AppendScalar(value, kind, out);
  }
}

// A scalar is skipped unread where it is not asked for, so it is checked here.
bool ScalarIsSound(ondemand::value value, std::string* scratch) {
  Kind kind;
  if (value.type().get(kind) != simdjson::SUCCESS) return false;
  if (kind == Kind::array || kind == Kind::object) return true;
  scratch->clear();
  return AppendScalar(value, kind, scratch);
}

}  // namespace

struct JsonReader::State {
  // The text as the one value of an array: simdjson treats a scalar on its own, and an
  // empty text, differently from all others.
  bool Open(std::string_view json, ondemand::array* root) {
    buffer.clear();
    buffer.reserve(json.size() + 2 + simdjson::SIMDJSON_PADDING);
    buffer.append("[").append(json).append("]");
    const simdjson::padded_string_view view(buffer.data(), buffer.size(),
                                            buffer.capacity());
    return parser.iterate(view).get(document) == simdjson::SUCCESS &&
           document.get_array().get(*root) == simdjson::SUCCESS;
  }

  bool Find(std::string_view json, const std::vector<JsonStep>& path,
            ondemand::value* out) {
    if (!Open(json, &root)) return false;
    auto first = root.begin();
    if (first.error() != simdjson::SUCCESS || first == root.end()) return false;
    ondemand::value value;
    if ((*first).get(value) != simdjson::SUCCESS) return false;
    for (const JsonStep& step : path) {
      ondemand::value next;
      const bool found = step.is_index ? ValueAt(value, step.index, &next)
                                       : FieldNamed(value, step.key, &next);
      if (!found) return false;
      value = next;
    }
    *out = value;
    return true;
  }

  ondemand::parser parser;
  ondemand::document document;
  ondemand::array root;
  std::string buffer;
  std::string scratch;
};

JsonReader::JsonReader() : state_(std::make_unique<State>()) {}
JsonReader::~JsonReader() = default;

Status JsonReader::SetPath(std::string_view path) {
  if (path == path_text_) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(path_, ParseJsonPath(path));
  path_text_ = std::string(path);
  return Status::OK();
}

bool JsonReader::Exists(std::string_view json) {
  ondemand::value value;
  return state_->Find(json, path_, &value) && ScalarIsSound(value, &state_->scratch);
}

bool JsonReader::Text(std::string_view json, JsonForm form, std::string* out) {
  ondemand::value value;
  Kind kind;
  if (!state_->Find(json, path_, &value) || value.type().get(kind) != simdjson::SUCCESS) {
    return false;
  }
  const bool nested = kind == Kind::array || kind == Kind::object;
  const bool plain = form == JsonForm::kScalar || form == JsonForm::kUnquoted;
  if (nested ? form == JsonForm::kScalar : form == JsonForm::kNested) return false;
  if (plain && kind == Kind::null) return false;
  out->clear();
  if (plain && kind == Kind::string) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return false;
    out->append(text);
    return true;
  }
  return AppendJson(value, 0, out);
}

bool JsonReader::TypeName(std::string_view json, std::string_view* out) {
  ondemand::value value;
  Kind kind;
  if (!state_->Find(json, path_, &value) || value.type().get(kind) != simdjson::SUCCESS ||
      !ScalarIsSound(value, &state_->scratch)) {
    return false;
  }
  switch (kind) {
    case Kind::array: *out = "array"; return true;
    case Kind::object: *out = "object"; return true;
    case Kind::number: *out = "number"; return true;
    case Kind::string: *out = "string"; return true;
    case Kind::boolean: *out = "boolean"; return true;
    case Kind::null: *out = "null"; return true;
  }
  return false;
}

bool JsonReader::ArrayLength(std::string_view json, int64_t* out) {
  ondemand::value value;
  ondemand::array array;
  if (!state_->Find(json, path_, &value) ||
      value.get_array().get(array) != simdjson::SUCCESS) {
    return false;
  }
  *out = 0;
  for (auto next : array) {
    if (next.error() != simdjson::SUCCESS) return false;
    ++*out;
  }
  return true;
}

bool JsonReader::ReadKeys(std::string_view json) {
  ondemand::value value;
  ondemand::object object;
  keys_.clear();
  if (!state_->Find(json, path_, &value) ||
      value.get_object().get(object) != simdjson::SUCCESS) {
    return false;
  }
  for (auto next : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(next).get(field) != simdjson::SUCCESS ||
        field.unescaped_key().get(key) != simdjson::SUCCESS) {
      return false;
    }
    keys_.emplace_back(key);
  }
  return true;
}

bool JsonReader::Valid(std::string_view json) {
  if (!state_->Open(json, &state_->root)) return false;
  int values = 0;
  for (auto next : state_->root) {
    ondemand::value value;
    state_->scratch.clear();
    if (++values > 1 || std::move(next).get(value) != simdjson::SUCCESS ||
        !AppendJson(value, 0, &state_->scratch)) {
      return false;
    }
  }
  // Behind the array there is nothing: "1],[2" closes it before our bracket does.
  const char* at = nullptr;
  return values == 1 &&
         state_->document.current_location().get(at) == simdjson::OUT_OF_BOUNDS;
}

}  // namespace millrace::functions
