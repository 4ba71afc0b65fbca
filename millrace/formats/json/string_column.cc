// Text and binary columns, plain and dictionary-encoded.
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>

#include "millrace/formats/json/column.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/text_dictionary.h"
#include "millrace/formats/validity.h"

namespace millrace::formats::json {

namespace {

// Most strings are short: two 16-byte moves, whatever the length.
inline void CopyShort(char* out, const char* from, size_t size) {
  if (size <= 32) [[likely]] {
    memcpy(out, from, 32);
  } else {
    memcpy(out, from, size);
  }
}

// The text of a value that is no string: its JSON, as it stands there. Empty when it is
// none.
std::string_view RawText(const Tokens& tokens, uint32_t token) {
  const uint32_t end = CheckValue(tokens, token);
  if (end == 0) return {};
  if (end == token + 1) return tokens.TextOf(token);
  const char* begin = tokens.data + tokens.at[token];
  return {begin, static_cast<size_t>(tokens.data + tokens.at[end - 1] + 1 - begin)};
}

BadValue BadEscape(const Tokens& tokens, int64_t row, uint32_t token) {
  BadValue bad = MakeBadValue(tokens, row, token, *arrow::utf8());
  bad.spec = &errors::kJsonMalformed;
  bad.text = "a wrong escape in a string, or a value that is none";
  return bad;
}

template <class Offset>
class StringParser final : public ColumnParser {
 public:
  StringParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)),
        binary_(type_->id() == arrow::Type::BINARY ||
                type_->id() == arrow::Type::LARGE_BINARY),
        pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Tokens& tokens, const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> offset_buffer,
        arrow::AllocateBuffer((cells.count + 1) * static_cast<int64_t>(sizeof(Offset)),
                              pool_));
    Offset* offsets = reinterpret_cast<Offset*>(offset_buffer->mutable_data());
    // A string's content is never longer than the string.
    int64_t capacity = 0;
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      if (token == 0) continue;
      const char kind = tokens.kind(token);
      const uint32_t end =
          kind == '{' || kind == '[' ? SkipValue(tokens, token) : token + 1;
      capacity += tokens.at[end] - tokens.at[token];
    }
    ARROW_ASSIGN_OR_RAISE(auto values,
                          arrow::AllocateResizableBuffer(capacity + kPadding, pool_));
    char* const begin = reinterpret_cast<char*>(values->mutable_data());
    char* out = begin;
    Validity validity(cells.count, pool_);
    const bool simple = !binary_ && !tokens.escapes;
    offsets[0] = 0;
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      if (simple && token != 0 && tokens.kind(token) == '"') [[likely]] {
        const std::string_view inside = Tokens::Inside(tokens.TextOf(token));
        CopyShort(out, inside.data(), inside.size());
        out += inside.size();
      } else if (token == 0) {
        validity.SetNull(row);
      } else {
        ARROW_RETURN_NOT_OK(ParseOther(tokens, row, token, &validity, &out, bad));
      }
      offsets[row + 1] = static_cast<Offset>(out - begin);
    }
    const int64_t size = out - begin;
    ARROW_RETURN_NOT_OK(values->Resize(size, /*shrink_to_fit=*/size < capacity / 2));
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, cells.count,
        {bitmap, offset_buffer, std::shared_ptr<arrow::Buffer>(std::move(values))},
        nulls));
  }

 private:
  Status ParseOther(const Tokens& tokens, int64_t row, uint32_t token, Validity* validity,
                    char** out, std::vector<BadValue>* bad) {
    if (tokens.kind(token) != '"') {
      const std::string_view text = RawText(tokens, token);
      if (text == "null") {
        validity->SetNull(row);
      } else if (binary_) {
        bad->push_back(MakeBadValue(tokens, row, token, *type_));
      } else if (text.empty()) {
        bad->push_back(BadEscape(tokens, row, token));
      } else {
        memcpy(*out, text.data(), text.size());
        *out += text.size();
      }
      return Status::OK();
    }
    const std::string_view inside = Tokens::Inside(tokens.TextOf(token));
    if (!binary_) {
      if (!tokens.HasEscape(inside)) {
        CopyShort(*out, inside.data(), inside.size());
        *out += inside.size();
      } else if (char* end = tokens.Unescape(inside.data(), *out)) {
        *out = end;
      } else {
        bad->push_back(BadEscape(tokens, row, token));
      }
      return Status::OK();
    }
    std::string plain(inside.size() + kPadding, '\0');
    const char* end = tokens.Unescape(inside.data(), plain.data());
    plain.resize(end == nullptr ? 0 : static_cast<size_t>(end - plain.data()));
    auto bytes = arrow::util::base64_decode(plain);
    if (end == nullptr || !bytes.ok() || plain.size() % 4 != 0) {
      bad->push_back(MakeBadValue(tokens, row, token, *type_));
      bad->back().text += "; base64 is expected";
      return Status::OK();
    }
    memcpy(*out, bytes->data(), bytes->size());
    *out += bytes->size();
    return Status::OK();
  }

  std::shared_ptr<arrow::DataType> type_;
  bool binary_;
  arrow::MemoryPool* pool_;
};

class DictionaryParser final : public ColumnParser {
 public:
  explicit DictionaryParser(arrow::MemoryPool* pool) : pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Tokens& tokens, const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    if (!plain_) {
      ARROW_ASSIGN_OR_RAISE(auto encoded, Encode(tokens, cells, bad));
      if (encoded) return encoded;
      plain_ = std::make_unique<StringParser<int32_t>>(arrow::utf8(), pool_);
      dictionary_ = TextDictionary();
    }
    return plain_->Parse(tokens, cells, bad);
  }

 private:
  static constexpr int32_t kMaxEntries = 64 * 1024;

  // Null when the dictionary has grown too large.
  Result<std::shared_ptr<arrow::Array>> Encode(const Tokens& tokens, const Cells& cells,
                                               std::vector<BadValue>* bad) {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> index_buffer,
        arrow::AllocateBuffer(cells.count * static_cast<int64_t>(sizeof(int32_t)),
                              pool_));
    int32_t* indices = reinterpret_cast<int32_t*>(index_buffer->mutable_data());
    Validity validity(cells.count, pool_);
    const size_t bad_before = bad->size();
    std::string scratch;
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      indices[row] = 0;
      if (token == 0) {
        validity.SetNull(row);
        continue;
      }
      if (tokens.kind(token) == '"') [[likely]] {
        const std::string_view inside = Tokens::Inside(tokens.TextOf(token));
        if (!tokens.HasEscape(inside)) [[likely]] {
          indices[row] = dictionary_.Find(inside.data(), inside.size());
          continue;
        }
        scratch.resize(inside.size() + kPadding);
        const char* end = tokens.Unescape(inside.data(), scratch.data());
        if (end == nullptr) {
          bad->push_back(BadEscape(tokens, row, token));
        } else {
          indices[row] =
              dictionary_.Find(scratch.data(), static_cast<size_t>(end - scratch.data()));
        }
        continue;
      }
      const std::string_view text = RawText(tokens, token);
      if (text == "null") {
        validity.SetNull(row);
      } else if (text.empty()) {
        bad->push_back(BadEscape(tokens, row, token));
      } else {
        indices[row] = dictionary_.Find(text.data(), text.size());
      }
    }
    if (dictionary_.size() > kMaxEntries) {
      bad->resize(bad_before);
      return nullptr;
    }
    if (!values_ || values_->length() != dictionary_.size()) {
      arrow::StringBuilder builder(pool_);
      ARROW_RETURN_NOT_OK(builder.Reserve(dictionary_.size()));
      for (const std::string& entry : dictionary_.entries()) {
        ARROW_RETURN_NOT_OK(builder.Append(entry));
      }
      ARROW_ASSIGN_OR_RAISE(values_, builder.Finish());
    }
    // Indices under NULLs are 0, which an empty dictionary does not have; Arrow ignores
    // them.
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    auto index_array = arrow::MakeArray(arrow::ArrayData::Make(
        arrow::int32(), cells.count, {bitmap, index_buffer}, nulls));
    return std::make_shared<arrow::DictionaryArray>(
        arrow::dictionary(arrow::int32(), arrow::utf8()), index_array, values_);
  }

  arrow::MemoryPool* pool_;
  TextDictionary dictionary_;
  std::shared_ptr<arrow::Array> values_;  // of all entries, while there are no new ones
  std::unique_ptr<ColumnParser> plain_;
};

}  // namespace

std::unique_ptr<ColumnParser> MakeStringParser(std::shared_ptr<arrow::DataType> type,
                                               arrow::MemoryPool* pool) {
  if (type->id() == arrow::Type::LARGE_STRING ||
      type->id() == arrow::Type::LARGE_BINARY) {
    return std::make_unique<StringParser<int64_t>>(std::move(type), pool);
  }
  return std::make_unique<StringParser<int32_t>>(std::move(type), pool);
}

std::unique_ptr<ColumnParser> MakeDictionaryParser(arrow::MemoryPool* pool) {
  return std::make_unique<DictionaryParser>(pool);
}

}  // namespace millrace::formats::json
