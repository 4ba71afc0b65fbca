// Text and binary columns, plain and dictionary-encoded.
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <simdjson.h>

#include "millrace/formats/csv/column.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/text_dictionary.h"
#include "millrace/formats/validity.h"

namespace millrace::formats::csv {

namespace {

// Most fields are short: two 16-byte moves, whatever the length.
inline void CopyShort(char* out, const char* from, size_t size) {
  if (size <= 32) [[likely]] {
    memcpy(out, from, 32);
  } else {
    memcpy(out, from, size);
  }
}

// PostgreSQL's text form of bytea, which the writer uses: \x and pairs of hex digits.
bool DecodeHex(std::string_view text, char* out) {
  if (text.size() % 2 != 0 || !text.starts_with("\\x")) return false;
  auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (size_t i = 2; i < text.size(); ++i) {
    if (nibble(text[i]) < 0) return false;
  }
  for (size_t i = 2; i < text.size(); i += 2) {
    *out++ = static_cast<char>(nibble(text[i]) * 16 + nibble(text[i + 1]));
  }
  return true;
}

template <class Offset>
class StringParser final : public ColumnParser {
 public:
  StringParser(std::shared_ptr<arrow::DataType> type, const Dialect& dialect,
               arrow::MemoryPool* pool)
      : type_(std::move(type)),
        binary_(type_->id() == arrow::Type::BINARY ||
                type_->id() == arrow::Type::LARGE_BINARY),
        dialect_(dialect),
        pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Rows& rows, int column,
                                              std::vector<BadField>* bad) override {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> offset_buffer,
        arrow::AllocateBuffer((rows.count + 1) * static_cast<int64_t>(sizeof(Offset)),
                              pool_));
    Offset* offsets = reinterpret_cast<Offset*>(offset_buffer->mutable_data());
    // A field's content is never longer than the field.
    int64_t capacity = 0;
    ForEachField(rows, dialect_, column, [&](int64_t, Field field) {
      capacity += std::max<int64_t>(field.end - field.begin, 0);
    });
    ARROW_ASSIGN_OR_RAISE(auto values,
                          arrow::AllocateResizableBuffer(capacity + 32, pool_));
    char* const begin = reinterpret_cast<char*>(values->mutable_data());
    char* out = begin;
    Validity validity(rows.count, pool_);
    const bool check_utf8 = rows.check_utf8 && !binary_;
    const bool simple = dialect_.plain_fields() && dialect_.empty_is_null &&
                        !dialect_.quoted_empty_is_null && !rows.unescape && !check_utf8 &&
                        !binary_;
    offsets[0] = 0;
    if (simple) {
      const int quote = dialect_.quote;
      ForEachField(rows, dialect_, column, [&](int64_t row, Field field)
                                               __attribute__((always_inline)) {
        if (field.end <= field.begin) [[unlikely]] {
          validity.SetNull(row);
        } else {
          // Quotes come in pairs here: a field that begins with one ends with one.
          const int quoted = static_cast<unsigned char>(*field.begin) == quote;
          const size_t size = field.size() - 2 * static_cast<size_t>(quoted);
          CopyShort(out, field.begin + quoted, size);
          out += size;
        }
        offsets[row + 1] = static_cast<Offset>(out - begin);
      });
    } else {
      ForEachField(rows, dialect_, column, [&](int64_t row, Field raw) {
        const Text text = ContentOf(raw, dialect_);
        if (text.null) {
          validity.SetNull(row);
        } else {
          char* end = out;
          if (rows.unescape) {
            end = Unescape(text.field, text.quoted, dialect_, out);
          } else {
            memcpy(out, text.field.begin, text.field.size());
            end += text.field.size();
          }
          const size_t size = static_cast<size_t>(end - out);
          if (check_utf8 && !simdjson::validate_utf8(out, size)) {
            bad->push_back({row, column, &errors::kCsvInvalidUtf8});
          }
          if (binary_ && DecodeHex({out, size}, out)) end = out + (size - 2) / 2;
          out = end;
        }
        offsets[row + 1] = static_cast<Offset>(out - begin);
      });
    }
    const int64_t size = out - begin;
    // Give back what quotes and escapes took only when it is much.
    ARROW_RETURN_NOT_OK(values->Resize(size, /*shrink_to_fit=*/size < capacity / 2));
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, rows.count,
        {bitmap, offset_buffer, std::shared_ptr<arrow::Buffer>(std::move(values))},
        nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  bool binary_;
  const Dialect& dialect_;
  arrow::MemoryPool* pool_;
};

class DictionaryParser final : public ColumnParser {
 public:
  DictionaryParser(const Dialect& dialect, arrow::MemoryPool* pool)
      : dialect_(dialect), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Rows& rows, int column,
                                              std::vector<BadField>* bad) override {
    // Fields to be checked one by one are rare; the plain parser does that.
    if (!plain_ && !rows.check_utf8) {
      ARROW_ASSIGN_OR_RAISE(auto encoded, Encode(rows, column));
      if (encoded) return encoded;
      plain_ = std::make_unique<StringParser<int32_t>>(arrow::utf8(), dialect_, pool_);
      dictionary_ = TextDictionary();
    }
    if (plain_) return plain_->Parse(rows, column, bad);
    return StringParser<int32_t>(arrow::utf8(), dialect_, pool_).Parse(rows, column, bad);
  }

 private:
  static constexpr int32_t kMaxEntries = 64 * 1024;

  // Null when the dictionary has grown too large.
  Result<std::shared_ptr<arrow::Array>> Encode(const Rows& rows, int column) {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> index_buffer,
        arrow::AllocateBuffer(rows.count * static_cast<int64_t>(sizeof(int32_t)), pool_));
    int32_t* indices = reinterpret_cast<int32_t*>(index_buffer->mutable_data());
    Validity validity(rows.count, pool_);
    const bool simple = dialect_.plain_fields() && dialect_.empty_is_null &&
                        !dialect_.quoted_empty_is_null && !rows.unescape;
    if (simple) {
      const int quote = dialect_.quote;
      ForEachField(rows, dialect_, column, [&](int64_t row, Field field)
                                               __attribute__((always_inline)) {
        if (field.end <= field.begin) [[unlikely]] {
          indices[row] = 0;
          validity.SetNull(row);
          return;
        }
        const int quoted = static_cast<unsigned char>(*field.begin) == quote;
        indices[row] = dictionary_.Find(field.begin + quoted,
                                        field.size() - 2 * static_cast<size_t>(quoted));
      });
    } else {
      std::string scratch;
      ForEachField(rows, dialect_, column, [&](int64_t row, Field raw) {
        const Text text = ContentOf(raw, dialect_);
        indices[row] = 0;
        if (text.null) {
          validity.SetNull(row);
        } else if (rows.unescape) {
          scratch.resize(text.field.size() + TextDictionary::kReadable);
          const char* end = Unescape(text.field, text.quoted, dialect_, scratch.data());
          indices[row] =
              dictionary_.Find(scratch.data(), static_cast<size_t>(end - scratch.data()));
        } else {
          indices[row] = dictionary_.Find(text.field.begin, text.field.size());
        }
      });
    }
    if (dictionary_.size() > kMaxEntries) return nullptr;
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
        arrow::int32(), rows.count, {bitmap, index_buffer}, nulls));
    return std::make_shared<arrow::DictionaryArray>(
        arrow::dictionary(arrow::int32(), arrow::utf8()), index_array, values_);
  }

  const Dialect& dialect_;
  arrow::MemoryPool* pool_;
  TextDictionary dictionary_;
  std::shared_ptr<arrow::Array> values_;  // of all entries, while there are no new ones
  std::unique_ptr<ColumnParser> plain_;
};

}  // namespace

std::unique_ptr<ColumnParser> MakeStringParser(std::shared_ptr<arrow::DataType> type,
                                               const Dialect& dialect,
                                               arrow::MemoryPool* pool) {
  if (type->id() == arrow::Type::LARGE_STRING ||
      type->id() == arrow::Type::LARGE_BINARY) {
    return std::make_unique<StringParser<int64_t>>(std::move(type), dialect, pool);
  }
  return std::make_unique<StringParser<int32_t>>(std::move(type), dialect, pool);
}

std::unique_ptr<ColumnParser> MakeDictionaryParser(const Dialect& dialect,
                                                   arrow::MemoryPool* pool) {
  return std::make_unique<DictionaryParser>(dialect, pool);
}

}  // namespace millrace::formats::csv
