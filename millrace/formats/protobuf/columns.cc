// The program that a message type becomes, and what it has gathered as Arrow arrays.
#include <algorithm>
#include <cstring>
#include <unordered_set>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/protobuf/decoder.h"

namespace millrace::formats::protobuf_format {

namespace {

// Fields of smaller numbers are found by an index, all others by a hash.
constexpr uint32_t kNearNumbers = 256;

Op OpOf(Kind kind) {
  switch (kind) {
    case Kind::kBool: return Op::kBool;
    case Kind::kVarint32: return Op::kVarint32;
    case Kind::kVarint64: return Op::kVarint64;
    case Kind::kZigZag32: return Op::kZigZag32;
    case Kind::kZigZag64: return Op::kZigZag64;
    case Kind::kFixed32: return Op::kFixed32;
    case Kind::kFixed64: return Op::kFixed64;
    case Kind::kText: return Op::kText;
    case Kind::kEnum: return Op::kEnum;
    case Kind::kMessage: return Op::kMessage;
    case Kind::kTimestamp:
    case Kind::kDuration: return Op::kMoment;
  }
  return Op::kMessage;
}

Wire WireOf(const Field& field) {
  switch (field.kind) {
    case Kind::kFixed32: return Wire::kFixed32;
    case Kind::kFixed64: return Wire::kFixed64;
    case Kind::kMessage: return field.group ? Wire::kGroup : Wire::kBytes;
    case Kind::kText:
    case Kind::kTimestamp:
    case Kind::kDuration: return Wire::kBytes;
    default: return Wire::kVarint;
  }
}

int32_t WidthOf(Kind kind) {
  switch (kind) {
    case Kind::kBool: return 1;
    case Kind::kVarint32:
    case Kind::kZigZag32:
    case Kind::kFixed32:
    case Kind::kEnum: return 4;
    case Kind::kText:
    case Kind::kMessage: return 0;
    default: return 8;
  }
}

class Builder {
 public:
  explicit Builder(arrow::MemoryPool* pool) : pool_(pool) {}

  // The columns of some fields of a message.
  Status Fields(const MessageType& message, const std::vector<int>& fields,
                const std::vector<bool>& text_as_bytes, Node* out) {
    std::unordered_map<int, std::vector<Node*>> oneofs;
    for (size_t k = 0; k < fields.size(); ++k) {
      const Field& field = message.fields[static_cast<size_t>(fields[k])];
      const std::string name =
          out->name.empty() ? field.name : out->name + "." + field.name;
      ARROW_ASSIGN_OR_RAISE(auto child, Column(field, name, text_as_bytes[k]));
      const auto place = static_cast<int32_t>(out->children.size());
      if (field.number < kNearNumbers) {
        if (out->near.size() <= field.number) out->near.resize(field.number + 1, -1);
        out->near[field.number] = place;
      } else {
        out->far.emplace(field.number, place);
      }
      if (field.oneof >= 0) oneofs[field.oneof].push_back(child.get());
      out->has_required |= child->required || child->has_required;
      out->children.push_back(std::move(child));
    }
    for (const auto& [number, members] : oneofs) {
      for (Node* member : members) {
        for (Node* other : members) {
          if (other != member) member->rivals.push_back(other);
        }
      }
    }
    return Status::OK();
  }

 private:
  Result<std::unique_ptr<Node>> Column(const Field& field, const std::string& name,
                                       bool as_bytes) {
    auto out = std::make_unique<Node>();
    out->name = name;
    out->type = ColumnType(field);
    switch (field.repetition) {
      case Repetition::kOnce: {
        ARROW_ASSIGN_OR_RAISE(out, Item(field, name, as_bytes));
        out->nullable = field.nullable;
        out->required = field.required;
        out->tracked = field.nullable || field.required;
        return out;
      }
      case Repetition::kRepeated: {
        out->op = Op::kList;
        ARROW_ASSIGN_OR_RAISE(auto item, Item(field, name, as_bytes));
        out->has_required = item->has_required;
        out->children.push_back(std::move(item));
        return out;
      }
      case Repetition::kMap: {
        out->op = Op::kMap;
        for (const Field& part : field.message->fields) {
          ARROW_ASSIGN_OR_RAISE(auto child, Item(part, name + "." + part.name, as_bytes));
          out->has_required |= child->has_required;
          out->children.push_back(std::move(child));
        }
        return out;
      }
    }
    return out;
  }

  Result<std::unique_ptr<Node>> Item(const Field& field, const std::string& name,
                                     bool as_bytes) {
    auto out = std::make_unique<Node>();
    out->name = name;
    out->op = OpOf(field.kind);
    out->wire = WireOf(field);
    out->width = WidthOf(field.kind);
    out->type = field.type;
    out->wrapped = field.wrapped;
    out->default_value = field.default_value;
    switch (field.kind) {
      case Kind::kText:
        out->check_utf8 = field.type->id() == arrow::Type::STRING && !as_bytes;
        if (!field.default_text.empty()) {
          out->default_text = field.default_text + std::string(kPadding, '\0');
        }
        break;
      case Kind::kEnum: {
        out->enumeration = field.enumeration;
        const auto code =
            field.enumeration->codes.find(static_cast<int32_t>(field.default_value));
        out->default_value = code == field.enumeration->codes.end()
                                 ? 0
                                 : static_cast<uint64_t>(code->second);
        ARROW_ASSIGN_OR_RAISE(out->dictionary, Names(field.enumeration->names));
        break;
      }
      case Kind::kTimestamp:
        out->timestamp = true;
        out->nanos = static_cast<const arrow::TimestampType&>(*field.type).unit() ==
                     arrow::TimeUnit::NANO;
        break;
      case Kind::kDuration:
        out->nanos = static_cast<const arrow::DurationType&>(*field.type).unit() ==
                     arrow::TimeUnit::NANO;
        break;
      case Kind::kMessage: {
        std::vector<int> all(field.message->fields.size());
        for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
        ARROW_RETURN_NOT_OK(Fields(*field.message, all,
                                   std::vector<bool>(all.size(), as_bytes), out.get()));
        break;
      }
      default: break;
    }
    return out;
  }

  Result<std::shared_ptr<arrow::Array>> Names(const std::vector<std::string>& names) {
    arrow::StringBuilder builder(pool_);
    ARROW_RETURN_NOT_OK(builder.AppendValues(names));
    return builder.Finish();
  }

  arrow::MemoryPool* const pool_;
};

int64_t RowBytes(const Node& node) {
  int64_t out = node.tracked ? 1 : 0;
  switch (node.op) {
    case Op::kText:
    case Op::kList:
    case Op::kMap: return out + 4;
    case Op::kMessage:
      for (const auto& child : node.children) out += RowBytes(*child);
      return out;
    default: return out + node.width;
  }
}

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::Make(const MessageType& message,
                                               const std::vector<int>& fields,
                                               const std::vector<bool>& text_as_bytes,
                                               std::string file,
                                               arrow::MemoryPool* pool) {
  auto out = std::unique_ptr<Decoder>(new Decoder(std::move(file), pool));
  ARROW_RETURN_NOT_OK(Builder(pool).Fields(message, fields, text_as_bytes, &out->root_));
  const auto columns = ColumnsOf(message);
  arrow::FieldVector wanted;
  for (const int field : fields) wanted.push_back(columns->field(field));
  out->schema_ = arrow::schema(std::move(wanted));
  out->row_bytes_ = std::max<int64_t>(1, RowBytes(out->root_));
  return out;
}

Decoder::Column Decoder::TakeEnum(Node& node, std::shared_ptr<arrow::Buffer> valid,
                                  int64_t nulls, bool flat) {
  ARROW_ASSIGN_OR_RAISE(auto codes, node.values.Take(node.length * 4, pool_));
  auto coded =
      arrow::ArrayData::Make(arrow::dictionary(arrow::int32(), node.type), node.length,
                             {std::move(valid), std::move(codes)}, nulls);
  coded->dictionary = node.dictionary->data();
  if (!node.strangers.empty()) {
    arrow::StringBuilder builder(pool_);
    ARROW_RETURN_NOT_OK(builder.AppendValues(node.enumeration->names));
    for (const int32_t number : node.strangers) {
      ARROW_RETURN_NOT_OK(builder.Append(std::to_string(number)));
    }
    ARROW_ASSIGN_OR_RAISE(const auto names, builder.Finish());
    coded->dictionary = names->data();
    node.strangers.clear();
    node.stranger_codes.clear();
  }
  if (flat) return coded;
  ARROW_ASSIGN_OR_RAISE(const auto values, data::Decoded(arrow::MakeArray(coded), pool_));
  return values->data();
}

Decoder::Column Decoder::TakeMap(Node& node) {
  const int64_t length = node.length;
  Node& keys = *node.children[0];
  std::vector<int64_t> kept;
  DropReplaced(keys, node.values.as<int32_t>(), length, &kept);
  ARROW_ASSIGN_OR_RAISE(auto offsets, node.values.Take((length + 1) * 4, pool_));
  std::vector<std::shared_ptr<arrow::ArrayData>> parts;
  for (const auto& child : node.children) {
    ARROW_ASSIGN_OR_RAISE(auto part, Take(*child, /*flat=*/false));
    if (!kept.empty()) {
      arrow::Int64Builder builder(pool_);
      ARROW_RETURN_NOT_OK(builder.AppendValues(kept));
      ARROW_ASSIGN_OR_RAISE(const auto places, builder.Finish());
      arrow::compute::ExecContext compute(pool_);
      compute.set_use_threads(false);
      ARROW_ASSIGN_OR_RAISE(
          const arrow::Datum taken,
          arrow::compute::Take(part, places, arrow::compute::TakeOptions::NoBoundsCheck(),
                               &compute));
      part = taken.array();
    }
    parts.push_back(std::move(part));
  }
  const int64_t pairs = parts[0]->length;
  auto entries = arrow::ArrayData::Make(node.type->field(0)->type(), pairs, {nullptr},
                                        std::move(parts), 0);
  return arrow::ArrayData::Make(node.type, length, {nullptr, std::move(offsets)},
                                {std::move(entries)}, 0);
}

Decoder::Column Decoder::Take(Node& node, bool flat) {
  // A column that never had room has no offsets.
  if (node.capacity == 0 && !Grow(node, 1)) return status_;
  const int64_t length = node.length;
  std::shared_ptr<arrow::Buffer> valid;
  int64_t nulls = 0;
  if (node.nullable && length > 0 &&
      memchr(node.valid.data(), 0, static_cast<size_t>(length)) != nullptr) {
    ARROW_ASSIGN_OR_RAISE(valid, PackBits(node.valid.data(), length, pool_, &nulls));
  }
  Column out = arrow::ArrayData::Make(node.type, length, {valid}, nulls);
  switch (node.op) {
    case Op::kBool: {
      int64_t zeros = 0;
      ARROW_ASSIGN_OR_RAISE(auto bits,
                            PackBits(node.values.data(), length, pool_, &zeros));
      (*out)->buffers.push_back(std::move(bits));
      break;
    }
    case Op::kText: {
      const int64_t bytes = node.values.as<int32_t>()[length];
      node.last_bytes = bytes;
      ARROW_ASSIGN_OR_RAISE(auto offsets, node.values.Take((length + 1) * 4, pool_));
      ARROW_ASSIGN_OR_RAISE(auto data, node.data.Take(bytes, pool_));
      (*out)->buffers.push_back(std::move(offsets));
      (*out)->buffers.push_back(std::move(data));
      break;
    }
    case Op::kEnum: out = TakeEnum(node, std::move(valid), nulls, flat); break;
    case Op::kMessage:
      for (const auto& child : node.children) {
        ARROW_ASSIGN_OR_RAISE(auto column, Take(*child, /*flat=*/false));
        (*out)->child_data.push_back(std::move(column));
      }
      break;
    case Op::kList: {
      ARROW_ASSIGN_OR_RAISE(auto offsets, node.values.Take((length + 1) * 4, pool_));
      (*out)->buffers.push_back(std::move(offsets));
      ARROW_ASSIGN_OR_RAISE(auto items, Take(*node.children[0], /*flat=*/false));
      (*out)->child_data.push_back(std::move(items));
      break;
    }
    case Op::kMap: out = TakeMap(node); break;
    default: {
      ARROW_ASSIGN_OR_RAISE(auto values, node.values.Take(length * node.width, pool_));
      (*out)->buffers.push_back(std::move(values));
    }
  }
  node.last_length = length;
  node.length = node.capacity = node.data_length = 0;
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> Decoder::Finish() {
  const int64_t rows = root_.length;
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  arrow::FieldVector fields;
  for (size_t i = 0; i < root_.children.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column, Take(*root_.children[i], /*flat=*/true));
    fields.push_back(schema_->field(static_cast<int>(i))->WithType(column->type));
    columns.push_back(std::move(column));
  }
  root_.last_length = rows;
  root_.length = root_.capacity = 0;
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                  std::move(columns));
}

void DropReplaced(Node& keys, int32_t* offsets, int64_t rows,
                  std::vector<int64_t>* kept) {
  constexpr int32_t kFew = 16;
  const auto key = [&keys](int64_t i) -> std::string_view {
    if (keys.op == Op::kText) {
      const int32_t* const at = keys.values.as<int32_t>();
      return {reinterpret_cast<const char*>(keys.data.data()) + at[i],
              static_cast<size_t>(at[i + 1] - at[i])};
    }
    return {reinterpret_cast<const char*>(keys.values.data()) + i * keys.width,
            static_cast<size_t>(keys.width)};
  };
  std::vector<int64_t> replaced;
  std::unordered_set<std::string_view> seen;
  for (int64_t row = 0; row < rows; ++row) {
    const int32_t begin = offsets[row], end = offsets[row + 1];
    if (end - begin < 2) continue;
    const size_t before = replaced.size();
    seen.clear();
    for (int32_t i = end - 1; i >= begin; --i) {
      bool later = false;
      if (end - begin <= kFew) {
        for (int32_t k = i + 1; k < end && !later; ++k) later = key(i) == key(k);
      } else {
        later = !seen.insert(key(i)).second;
      }
      if (later) replaced.push_back(i);
    }
    std::reverse(replaced.begin() + static_cast<int64_t>(before), replaced.end());
  }
  if (replaced.empty()) return;
  auto next = replaced.begin();
  int64_t i = 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (const int64_t end = offsets[row + 1]; i < end; ++i) {
      if (next != replaced.end() && *next == i) {
        ++next;
      } else {
        kept->push_back(i);
      }
    }
    offsets[row + 1] = static_cast<int32_t>(kept->size());
  }
}

}  // namespace millrace::formats::protobuf_format
