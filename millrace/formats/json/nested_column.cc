// Structs, lists and maps: the tokens of their parts are collected for all rows, and
// parsed as columns of their own.
#include <algorithm>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/json/column.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/validity.h"

namespace millrace::formats::json {

namespace {

BadValue FromFault(int64_t row, Fault fault) {
  return {
      .row = row, .spec = fault.spec, .byte = fault.byte, .text = std::move(fault.text)};
}

bool IsNull(const Tokens& tokens, uint32_t token) {
  return token == 0 || tokens.TextOf(token) == "null";
}

class StructParser final : public JsonColumnParser {
 public:
  static Result<std::unique_ptr<JsonColumnParser>> Make(
      std::shared_ptr<arrow::DataType> type, const ColumnSettings& settings) {
    std::vector<std::string> names;
    std::vector<std::unique_ptr<JsonColumnParser>> children;
    for (const auto& field : type->fields()) {
      names.push_back(field->name());
      ARROW_ASSIGN_OR_RAISE(auto child, MakeColumnParser(*field, false, settings));
      children.push_back(std::move(child));
    }
    return std::make_unique<StructParser>(std::move(type), std::move(names),
                                          std::move(children), settings);
  }

  StructParser(std::shared_ptr<arrow::DataType> type, std::vector<std::string> names,
               std::vector<std::unique_ptr<JsonColumnParser>> children,
               const ColumnSettings& settings)
      : type_(std::move(type)),
        walker_(std::move(names), settings.unknown_fails),
        children_(std::move(children)),
        pool_(settings.pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const JsonCells& cells,
                                              std::vector<BadValue>* bad) override {
    const Tokens& tokens = cells.tokens;
    const size_t width = children_.size();
    cells_.assign(static_cast<size_t>(cells.count) * width, 0);
    Validity validity(cells.count, pool_);
    Fault fault;
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      if (token != 0 && tokens.kind(token) == '{') [[likely]] {
        uint32_t* own = cells_.data() + static_cast<size_t>(row) * width;
        if (walker_.Walk(tokens, token, own, &fault) == 0) {
          std::fill_n(own, width, 0);
          bad->push_back(FromFault(row, std::move(fault)));
        }
      } else if (IsNull(tokens, token)) {
        validity.SetNull(row);
      } else {
        bad->push_back(cells.Bad(row, *type_));
      }
    }
    std::vector<std::shared_ptr<arrow::ArrayData>> children;
    for (size_t c = 0; c < width; ++c) {
      const size_t from = bad->size();
      ARROW_ASSIGN_OR_RAISE(
          auto child,
          children_[c]->Parse(
              {tokens, cells_.data() + c, width, cells.count, cells.declared}, bad));
      for (size_t i = from; i < bad->size(); ++i) {
        (*bad)[i].path.insert(0, "." + walker_.name(c));
      }
      children.push_back(child->data());
    }
    const int64_t nulls = validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, validity.Finish());
    return arrow::MakeArray(
        arrow::ArrayData::Make(type_, cells.count, {bitmap}, std::move(children), nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  ObjectWalker walker_;
  std::vector<std::unique_ptr<JsonColumnParser>> children_;
  arrow::MemoryPool* pool_;
  std::vector<uint32_t> cells_;
};

// Collects the elements of lists, or the entries of maps.
template <class Offset>
class ListElements {
 public:
  ListElements(int64_t rows, arrow::MemoryPool* pool) : validity(rows, pool) {}

  Status Allocate(int64_t rows, arrow::MemoryPool* pool) {
    ARROW_ASSIGN_OR_RAISE(
        offset_buffer,
        arrow::AllocateBuffer((rows + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
    offsets = reinterpret_cast<Offset*>(offset_buffer->mutable_data());
    offsets[0] = 0;
    return Status::OK();
  }

  // Bad values of elements are bad values of the rows that they are in.
  void MoveToRows(int64_t rows, std::string_view path, size_t from,
                  std::vector<BadValue>* bad) const {
    for (size_t i = from; i < bad->size(); ++i) {
      BadValue& value = (*bad)[i];
      const Offset element = static_cast<Offset>(value.row);
      value.row = std::upper_bound(offsets, offsets + rows + 1, element) - offsets - 1;
      value.path.insert(0, path);
    }
  }

  std::shared_ptr<arrow::Buffer> offset_buffer;
  Offset* offsets = nullptr;
  Validity validity;
};

// Appends the tokens of the elements of the array at `token`. False when it is none.
bool CollectElements(const Tokens& tokens, uint32_t token, std::vector<uint32_t>* out,
                     uint32_t* fault) {
  ++token;
  if (tokens.kind(token) == ']') return true;
  for (;;) {
    const uint32_t next = SkipValue(tokens, token);
    *fault = next == 0 ? token : next;
    if (next == 0) return false;
    out->push_back(token);
    if (tokens.kind(next) == ']') return true;
    if (tokens.kind(next) != ',') return false;
    token = next + 1;
  }
}

BadValue BadArray(const Tokens& tokens, int64_t row, uint32_t token) {
  return {.row = row,
          .spec = &errors::kJsonMalformed,
          .byte = tokens.at[token],
          .text = "expected a value, ',' or ']'"};
}

template <class Offset>
class ListParser final : public JsonColumnParser {
 public:
  // `size`: of a fixed-size list, else -1.
  ListParser(std::shared_ptr<arrow::DataType> type, int32_t size,
             std::unique_ptr<JsonColumnParser> child, arrow::MemoryPool* pool)
      : type_(std::move(type)), size_(size), child_(std::move(child)), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const JsonCells& cells,
                                              std::vector<BadValue>* bad) override {
    const Tokens& tokens = cells.tokens;
    ListElements<Offset> elements(cells.count, pool_);
    ARROW_RETURN_NOT_OK(elements.Allocate(cells.count, pool_));
    cells_.clear();
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      const size_t before = cells_.size();
      if (token != 0 && tokens.kind(token) == '[') [[likely]] {
        uint32_t fault = 0;
        if (!CollectElements(tokens, token, &cells_, &fault)) {
          cells_.resize(before);
          bad->push_back(BadArray(tokens, row, fault));
        } else if (size_ >= 0 && cells_.size() - before != static_cast<size_t>(size_)) {
          bad->push_back(cells.Bad(row, *type_));
        }
      } else if (IsNull(tokens, token)) {
        elements.validity.SetNull(row);
      } else {
        bad->push_back(cells.Bad(row, *type_));
      }
      if (size_ >= 0) cells_.resize(before + static_cast<size_t>(size_), 0);
      elements.offsets[row + 1] = static_cast<Offset>(cells_.size());
    }
    const size_t from = bad->size();
    const JsonCells inner{tokens, cells_.data(), 1, static_cast<int64_t>(cells_.size()),
                          cells.declared};
    // Recursive lists share nothing: each level has its own parser.
    ARROW_ASSIGN_OR_RAISE(auto child, child_->Parse(inner, bad));
    elements.MoveToRows(cells.count, "[]", from, bad);
    const int64_t nulls = elements.validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, elements.validity.Finish());
    std::vector<std::shared_ptr<arrow::Buffer>> buffers{bitmap};
    if (size_ < 0) buffers.push_back(elements.offset_buffer);
    return arrow::MakeArray(arrow::ArrayData::Make(type_, cells.count, std::move(buffers),
                                                   {child->data()}, nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  int32_t size_;
  std::unique_ptr<JsonColumnParser> child_;
  arrow::MemoryPool* pool_;
  std::vector<uint32_t> cells_;
};

// Objects {"key": item, …} when keys are text, and lists of {"key": …, "value": …}.
class MapParser final : public JsonColumnParser {
 public:
  MapParser(std::shared_ptr<arrow::DataType> type, std::unique_ptr<JsonColumnParser> keys,
            std::unique_ptr<JsonColumnParser> items, const ColumnSettings& settings)
      : type_(std::move(type)),
        key_type_(static_cast<const arrow::MapType&>(*type_).key_type()),
        keys_(std::move(keys)),
        items_(std::move(items)),
        entry_({"key", "value"}, settings.unknown_fails),
        pool_(settings.pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const JsonCells& cells,
                                              std::vector<BadValue>* bad) override {
    const Tokens& tokens = cells.tokens;
    ListElements<int32_t> elements(cells.count, pool_);
    ARROW_RETURN_NOT_OK(elements.Allocate(cells.count, pool_));
    cells_.clear();
    for (int64_t row = 0; row < cells.count; ++row) {
      const uint32_t token = cells[row];
      const size_t before = cells_.size();
      if (IsNull(tokens, token)) {
        elements.validity.SetNull(row);
      } else if (!Collect(tokens, row, token, bad)) {
        cells_.resize(before);
      }
      elements.offsets[row + 1] = static_cast<int32_t>(cells_.size() / 2);
    }
    const int64_t entries = static_cast<int64_t>(cells_.size() / 2);
    const size_t from = bad->size();
    ARROW_ASSIGN_OR_RAISE(
        auto keys,
        keys_->Parse({tokens, cells_.data(), 2, entries, cells.declared}, bad));
    ARROW_ASSIGN_OR_RAISE(
        auto items,
        items_->Parse({tokens, cells_.data() + 1, 2, entries, cells.declared}, bad));
    if (keys->null_count() > 0) {
      for (int64_t i = 0; i < entries; ++i) {
        if (keys->IsValid(i)) continue;
        bad->push_back({.row = i,
                        .spec = &errors::kJsonBadValue,
                        .byte = tokens.at[cells_[static_cast<size_t>(2 * i)]],
                        .text = "a map has no NULL as key"});
      }
    }
    elements.MoveToRows(cells.count, "{}", from, bad);
    auto data =
        arrow::ArrayData::Make(static_cast<const arrow::MapType&>(*type_).value_type(),
                               entries, {nullptr}, {keys->data(), items->data()}, 0);
    const int64_t nulls = elements.validity.nulls();
    ARROW_ASSIGN_OR_RAISE(auto bitmap, elements.validity.Finish());
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, cells.count, {bitmap, elements.offset_buffer}, {data}, nulls));
  }

 private:
  bool Collect(const Tokens& tokens, int64_t row, uint32_t token,
               std::vector<BadValue>* bad) {
    const bool text_keys = key_type_->id() == arrow::Type::STRING ||
                           key_type_->id() == arrow::Type::LARGE_STRING;
    if (tokens.kind(token) == '{' && text_keys) {
      ++token;
      if (tokens.kind(token) == '}') return true;
      for (;;) {
        const bool name = tokens.kind(token) == '"' && tokens.kind(token + 1) == ':';
        const uint32_t next = name ? SkipValue(tokens, token + 2) : 0;
        const bool good =
            next != 0 && (tokens.kind(next) == ',' || tokens.kind(next) == '}');
        if (!good) {
          bad->push_back({.row = row,
                          .spec = &errors::kJsonMalformed,
                          .byte = tokens.at[next == 0 ? token : next],
                          .text = "expected \"name\": value, ',' or '}'"});
          return false;
        }
        cells_.push_back(token);
        cells_.push_back(token + 2);
        if (tokens.kind(next) == '}') return true;
        token = next + 1;
      }
    }
    if (tokens.kind(token) != '[') {
      bad->push_back(MakeBadValue(tokens, row, token, *type_));
      return false;
    }
    uint32_t fault = 0;
    entries_.clear();
    if (!CollectElements(tokens, token, &entries_, &fault)) {
      bad->push_back(BadArray(tokens, row, fault));
      return false;
    }
    for (const uint32_t entry : entries_) {
      uint32_t parts[2] = {0, 0};
      Fault wrong;
      if (tokens.kind(entry) != '{') {
        bad->push_back(MakeBadValue(tokens, row, entry, *type_));
        return false;
      }
      if (entry_.Walk(tokens, entry, parts, &wrong) == 0) {
        bad->push_back(FromFault(row, std::move(wrong)));
        return false;
      }
      if (parts[0] == 0) {
        bad->push_back(MakeBadValue(tokens, row, entry, *type_));
        return false;
      }
      cells_.insert(cells_.end(), parts, parts + 2);
    }
    return true;
  }

  std::shared_ptr<arrow::DataType> type_;
  std::shared_ptr<arrow::DataType> key_type_;
  std::unique_ptr<JsonColumnParser> keys_, items_;
  ObjectWalker entry_;
  arrow::MemoryPool* pool_;
  std::vector<uint32_t> cells_;    // key and item in turn
  std::vector<uint32_t> entries_;  // of one map written as a list
};

}  // namespace

Result<std::unique_ptr<JsonColumnParser>> MakeNestedParser(
    const arrow::Field& field, const ColumnSettings& settings) {
  const auto& type = field.type();
  auto child = [&](int i) {
    return MakeColumnParser(*type->field(i)->WithName(field.name()), false, settings);
  };
  switch (type->id()) {
    case arrow::Type::STRUCT: return StructParser::Make(type, settings);
    case arrow::Type::LIST: {
      ARROW_ASSIGN_OR_RAISE(auto element, child(0));
      return std::make_unique<ListParser<int32_t>>(type, -1, std::move(element),
                                                   settings.pool);
    }
    case arrow::Type::LARGE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto element, child(0));
      return std::make_unique<ListParser<int64_t>>(type, -1, std::move(element),
                                                   settings.pool);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto element, child(0));
      return std::make_unique<ListParser<int64_t>>(
          type, static_cast<const arrow::FixedSizeListType&>(*type).list_size(),
          std::move(element), settings.pool);
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      ARROW_ASSIGN_OR_RAISE(auto keys,
                            MakeColumnParser(*map.key_field(), false, settings));
      ARROW_ASSIGN_OR_RAISE(auto items,
                            MakeColumnParser(*map.item_field(), false, settings));
      return std::make_unique<MapParser>(type, std::move(keys), std::move(items),
                                         settings);
    }
    default:
      return errors::kJsonUnsupportedType.Make({.column = field.name()}, "{}",
                                               data::SqlTypeName(*type));
  }
}

}  // namespace millrace::formats::json
