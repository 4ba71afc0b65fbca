#include "millrace/formats/json/writer.h"

#include <vector>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/value_writer.h"
#include "millrace/formats/value_text.h"

namespace millrace::formats::json {

namespace {

// A column of a batch, with its name as it stands before each value. The entries of a
// dictionary are written once for as long as batches share it.
class Column {
 public:
  Column(std::shared_ptr<arrow::Field> field, std::unique_ptr<ValueWriter> values,
         arrow::MemoryPool* pool)
      : field_(std::move(field)), values_(std::move(values)), rendered_(pool) {
    Output name(pool);
    AppendString(field_->name(), name);
    name_ = std::string(name.text()) + ":";
  }

  const std::string& label() const { return field_->name(); }
  const std::string& name() const { return name_; }
  const arrow::Array& array() const { return *array_; }

  Status Bind(std::shared_ptr<arrow::Array> array) {
    indices_ = nullptr;
    array_ = array;
    if (array->type_id() != arrow::Type::DICTIONARY) return values_->Bind(array);
    const auto& encoded = static_cast<const arrow::DictionaryArray&>(*array);
    if (encoded.indices()->type_id() != arrow::Type::INT32) return values_->Bind(array);
    indices_ = static_cast<const arrow::Int32Array&>(*encoded.indices()).raw_values();
    if (dictionary_ && dictionary_->data() == encoded.dictionary()->data()) {
      return Status::OK();
    }
    dictionary_ = encoded.dictionary();
    ARROW_RETURN_NOT_OK(values_->Bind(dictionary_));
    rendered_.Clear();
    ends_.assign(1, 0);
    for (int64_t i = 0; i < dictionary_->length(); ++i) {
      representable_ &= values_->Write(i, rendered_);
      ends_.push_back(rendered_.size());
    }
    rendered_.Room(32);  // entries are copied 32 bytes at a time
    return rendered_.status();
  }

  bool IsNull(int64_t i) const {
    return indices_ == nullptr ? values_->IsNull(i) : array_->IsNull(i);
  }

  bool Write(int64_t i, Output& out) {
    if (indices_ == nullptr) return values_->Write(i, out);
    if (array_->IsNull(i)) {
      out.Append("null");
      return true;
    }
    const size_t entry = static_cast<size_t>(indices_[i]);
    const int64_t size = ends_[entry + 1] - ends_[entry];
    const char* from = rendered_.text().data() + ends_[entry];
    char* d = out.Room(size + 32);
    if (d == nullptr) return true;
    if (size <= 32) [[likely]] {
      memcpy(d, from, 32);
    } else {
      memcpy(d, from, static_cast<size_t>(size));
    }
    out.Advance(d + size);
    return representable_;
  }

 private:
  std::shared_ptr<arrow::Field> field_;
  std::unique_ptr<ValueWriter> values_;
  std::string name_;
  std::shared_ptr<arrow::Array> array_;       // of the batch
  std::shared_ptr<arrow::Array> dictionary_;  // whose entries are rendered
  const int32_t* indices_ = nullptr;
  Output rendered_;
  std::vector<int64_t> ends_;
  bool representable_ = true;
};

class JsonEncoder final : public data::RowEncoder {
 public:
  JsonEncoder(const WriteSettings& settings, arrow::MemoryPool* pool)
      : settings_(settings), out_(pool) {}

  Status AddColumns(const arrow::Schema& schema, arrow::MemoryPool* pool) {
    for (const auto& field : schema.fields()) {
      ARROW_ASSIGN_OR_RAISE(auto values, MakeValueWriter(*field, settings_, pool));
      columns_.push_back(std::make_unique<Column>(field, std::move(values), pool));
    }
    return Status::OK();
  }

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    for (size_t c = 0; c < columns_.size(); ++c) {
      ARROW_RETURN_NOT_OK(columns_[c]->Bind(rows->column(static_cast<int>(c))));
    }
    for (int64_t i = 0, n = rows->num_rows(); i < n; ++i) {
      if (out_.size() >= Output::kPiece - kRowSpace) {
        ARROW_RETURN_NOT_OK(Flush(out));
      }
      if (settings_.layout == Layout::kArray) out_.Append(",\n");
      // Every field begins with a comma, the first of which becomes the brace.
      const int64_t begin = out_.size();
      for (const auto& column : columns_) {
        if (settings_.omit_nulls && column->IsNull(i)) continue;
        const std::string& name = column->name();
        char* d = out_.Room(static_cast<int64_t>(name.size()) + 1);
        if (d == nullptr) return out_.status();
        *d = ',';
        memcpy(d + 1, name.data(), name.size());
        out_.Advance(d + 1 + name.size());
        if (!column->Write(i, out_)) [[unlikely]]
          return Unrepresentable(*column, i);
      }
      if (out_.size() == begin) out_.Append("{");
      out_.Append(settings_.layout == Layout::kArray ? "}" : "}\n");
      ARROW_RETURN_NOT_OK(out_.status());
      *(out_.end() - (out_.size() - begin)) = '{';
      ++rows_;
    }
    return Status::OK();
  }

  Status Flush(std::vector<data::EncodedRows>* out) override {
    if (out_.size() == 0) return out_.status();
    ARROW_ASSIGN_OR_RAISE(auto bytes, out_.Take());
    out->push_back({std::move(bytes), std::exchange(rows_, 0)});
    return Status::OK();
  }
  int64_t buffered_bytes() const override { return out_.size(); }

 private:
  static constexpr int64_t kRowSpace = 64 * 1024;

  static Status Unrepresentable(const Column& column, int64_t row) {
    return errors::kJsonUnrepresentable.Make(
        {.column = column.label()}, "{}: NaN, infinity, or a date or time out of range",
        ValueText(column.array(), row));
  }

  const WriteSettings settings_;
  std::vector<std::unique_ptr<Column>> columns_;
  Output out_;
  int64_t rows_ = 0;  // rows in out_
};

}  // namespace

Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(const WriteSettings& settings,
                                                      const arrow::Schema& schema,
                                                      const Context& context) {
  auto encoder = std::make_unique<JsonEncoder>(settings, context.pool);
  ARROW_RETURN_NOT_OK(encoder->AddColumns(schema, context.pool));
  return encoder;
}

}  // namespace millrace::formats::json
