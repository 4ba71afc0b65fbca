// Writer's type and reader's type as one step of a program.
#include <algorithm>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/avro/columns.h"
#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/wire.h"

namespace millrace::formats::avro {

namespace {

using NodePtr = std::unique_ptr<Node>;

int32_t WidthOf(Op op, const Node& node) {
  switch (op) {
    case Op::kBoolean: return 1;
    case Op::kInt32:
    case Op::kIntToFloat:
    case Op::kLongToFloat:
    case Op::kFloat:
    case Op::kEnum: return 4;
    case Op::kInt64:
    case Op::kIntToDouble:
    case Op::kLongToDouble:
    case Op::kDouble:
    case Op::kFloatToDouble: return 8;
    case Op::kDuration: return 16;
    case Op::kFixed: return static_cast<int32_t>(node.size);
    case Op::kDecimalText:
    case Op::kDecimalFixed: return node.type->id() == arrow::Type::DECIMAL128 ? 16 : 32;
    default: return 0;
  }
}

// Bytes that a value takes at least.
int64_t MinBytes(const Type& type) {
  switch (type.kind) {
    case Kind::kNull: return 0;
    case Kind::kFloat: return 4;
    case Kind::kDouble: return 8;
    case Kind::kFixed: return type.size;
    case Kind::kRecord: {
      int64_t sum = 0;
      for (const Field& field : type.fields) {
        // A sum that can't be told apart from a larger one is none the worse.
        sum = std::min<int64_t>(sum + MinBytes(*field.type), 1 << 20);
      }
      return sum;
    }
    case Kind::kUnion: return 1;
    default: return 1;
  }
}

// The reader's name or one of its aliases; namespaces don't count.
bool SameName(const Type& writer, const Type& reader) {
  auto plain = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
  if (plain(writer.name) == plain(reader.name)) return true;
  return std::any_of(
      reader.aliases.begin(), reader.aliases.end(),
      [&](const std::string& alias) { return plain(alias) == plain(writer.name); });
}

class Resolver {
 public:
  Resolver(const std::string& file, arrow::MemoryPool* pool) : file_(file), pool_(pool) {}

  Result<NodePtr> Resolve(const Type& writer, const Type& reader,
                          const std::string& name) {
    const Type* value = nullptr;
    const Type* wanted = nullptr;
    const int wanted_null = NullBranch(reader, &wanted);
    const bool simple_reader =
        reader.kind != Kind::kUnion || wanted_null >= 0 || reader.children.size() == 1;
    if (reader.kind != Kind::kUnion) wanted = &reader;
    if (writer.kind == Kind::kUnion) {
      const int null = NullBranch(writer, &value);
      if (null < 0 && writer.children.size() > 1) {
        if (simple_reader) return Differs(writer, reader, name);
        return ResolveUnion(writer, reader, name);
      }
      if (!simple_reader) return Differs(writer, reader, name);
      NodePtr node;
      if (value == nullptr || wanted == nullptr) {
        if (value != wanted) return Differs(writer, reader, name);
        node = std::make_unique<Node>();
        node->type = arrow::null();
        node->name = name;
      } else {
        ARROW_ASSIGN_OR_RAISE(node, Resolve(*value, *wanted, name));
        node->nullable = null >= 0 || wanted_null >= 0;
      }
      node->branches = static_cast<uint8_t>(writer.children.size());
      node->null_branch = static_cast<uint8_t>(null >= 0 ? null : 255);
      node->min_bytes = 1;
      return node;
    }
    if (!simple_reader) return Differs(writer, reader, name);
    if (wanted == nullptr) wanted = &reader;
    ARROW_ASSIGN_OR_RAISE(auto node, ResolveValue(writer, *wanted, name));
    node->nullable = node->nullable || wanted_null >= 0;
    return node;
  }

 private:
  Status Differs(const Type& writer, const Type& reader, const std::string& name) {
    auto text = [&](const Type& type) -> std::string {
      if (type.kind == Kind::kUnion && !ArrowTypeOf(type, file_).ok()) return "a union";
      const auto arrow_type = ArrowTypeOf(type, file_);
      return arrow_type.ok() ? data::SqlTypeName(**arrow_type) : "unknown";
    };
    return errors::kAvroSchema.Make({.file = file_, .column = name},
                                    "it is {} there, {} is expected", text(writer),
                                    text(reader));
  }

  Result<NodePtr> ResolveValue(const Type& writer, const Type& reader,
                               const std::string& name) {
    auto node = std::make_unique<Node>();
    node->name = name;
    node->min_bytes = MinBytes(writer);
    node->size = writer.size;
    ARROW_ASSIGN_OR_RAISE(node->type, ArrowTypeOf(reader, file_));
    if (writer.kind != reader.kind) {
      ARROW_ASSIGN_OR_RAISE(node->op, Promotion(writer, reader, name));
    } else if (writer.logical != reader.logical ||
               (writer.logical == Logical::kDecimal &&
                (writer.precision != reader.precision || writer.scale != reader.scale))) {
      return Differs(writer, reader, name);
    } else {
      switch (writer.kind) {
        case Kind::kNull: node->op = Op::kNull; break;
        case Kind::kBoolean: node->op = Op::kBoolean; break;
        case Kind::kInt: node->op = Op::kInt32; break;
        case Kind::kLong: node->op = Op::kInt64; break;
        case Kind::kFloat: node->op = Op::kFloat; break;
        case Kind::kDouble: node->op = Op::kDouble; break;
        case Kind::kString: node->op = Op::kText; break;
        case Kind::kBytes:
          node->op = writer.logical == Logical::kDecimal ? Op::kDecimalText : Op::kText;
          break;
        case Kind::kFixed:
          if (writer.size != reader.size) return Differs(writer, reader, name);
          node->op = writer.logical == Logical::kDecimal    ? Op::kDecimalFixed
                     : writer.logical == Logical::kDuration ? Op::kDuration
                     : writer.logical == Logical::kUuid     ? Op::kUuid
                                                            : Op::kFixed;
          break;
        case Kind::kEnum: ARROW_RETURN_NOT_OK(SetSymbols(writer, reader, *node)); break;
        case Kind::kArray:
        case Kind::kMap: ARROW_RETURN_NOT_OK(SetItems(writer, reader, *node)); break;
        case Kind::kRecord: ARROW_RETURN_NOT_OK(SetFields(writer, reader, *node)); break;
        case Kind::kUnion: return Differs(writer, reader, name);
      }
    }
    node->width = WidthOf(node->op, *node);
    node->row_bytes += node->width + 1;
    return node;
  }

  Result<Op> Promotion(const Type& writer, const Type& reader, const std::string& name) {
    const Kind to = reader.kind;
    if (reader.logical == Logical::kNone && writer.logical == Logical::kNone) {
      if (writer.kind == Kind::kInt) {
        if (to == Kind::kLong) return Op::kInt64;
        if (to == Kind::kFloat) return Op::kIntToFloat;
        if (to == Kind::kDouble) return Op::kIntToDouble;
      }
      if (writer.kind == Kind::kLong) {
        if (to == Kind::kFloat) return Op::kLongToFloat;
        if (to == Kind::kDouble) return Op::kLongToDouble;
      }
      if (writer.kind == Kind::kFloat && to == Kind::kDouble) return Op::kFloatToDouble;
    }
    const bool text = (writer.kind == Kind::kString || writer.kind == Kind::kBytes) &&
                      (to == Kind::kString || to == Kind::kBytes);
    if (text && writer.logical != Logical::kDecimal &&
        reader.logical != Logical::kDecimal) {
      return Op::kText;
    }
    return Differs(writer, reader, name);
  }

  Status SetSymbols(const Type& writer, const Type& reader, Node& node) {
    node.op = Op::kEnum;
    for (const std::string& symbol : writer.symbols) {
      const auto found = std::find(reader.symbols.begin(), reader.symbols.end(), symbol);
      node.symbols.push_back(found == reader.symbols.end()
                                 ? reader.default_symbol
                                 : static_cast<int32_t>(found - reader.symbols.begin()));
    }
    arrow::StringBuilder symbols(pool_);
    ARROW_RETURN_NOT_OK(symbols.AppendValues(reader.symbols));
    return symbols.Finish(&node.dictionary);
  }

  Status SetItems(const Type& writer, const Type& reader, Node& node) {
    node.op = writer.kind == Kind::kMap ? Op::kMap : Op::kArray;
    if (node.op == Op::kMap) {
      auto key = std::make_unique<Node>();
      key->op = Op::kText;
      key->type = arrow::utf8();
      key->name = node.name;
      key->min_bytes = 1;
      node.children.push_back(std::move(key));
    }
    ARROW_ASSIGN_OR_RAISE(auto item,
                          Resolve(*writer.children[0], *reader.children[0], node.name));
    node.children.push_back(std::move(item));
    node.row_bytes = 4;
    return Status::OK();
  }

  Status SetFields(const Type& writer, const Type& reader, Node& node) {
    node.op = Op::kRecord;
    node.columns.assign(reader.fields.size(), nullptr);
    for (const Field& field : writer.fields) {
      const int place = PlaceOf(field, reader);
      if (place < 0 || node.columns[static_cast<size_t>(place)] != nullptr) {
        node.children.push_back(Skip(*field.type));
        continue;
      }
      const Field& wanted = reader.fields[static_cast<size_t>(place)];
      ARROW_ASSIGN_OR_RAISE(
          auto child, Resolve(*field.type, *wanted.type, node.name + "." + wanted.name));
      node.columns[static_cast<size_t>(place)] = child.get();
      node.row_bytes += child->row_bytes;
      node.children.push_back(std::move(child));
    }
    for (size_t i = 0; i < node.columns.size(); ++i) {
      if (node.columns[i] != nullptr) continue;
      ARROW_ASSIGN_OR_RAISE(
          auto child, Missing(reader.fields[i], node.name + "." + reader.fields[i].name));
      node.columns[i] = child.get();
      node.row_bytes += child->row_bytes;
      node.children.push_back(std::move(child));
    }
    return Status::OK();
  }

  static int PlaceOf(const Field& field, const Type& reader) {
    for (size_t i = 0; i < reader.fields.size(); ++i) {
      if (reader.fields[i].name == field.name) return static_cast<int>(i);
    }
    for (size_t i = 0; i < reader.fields.size(); ++i) {
      const auto& aliases = reader.fields[i].aliases;
      if (std::find(aliases.begin(), aliases.end(), field.name) != aliases.end()) {
        return static_cast<int>(i);
      }
    }
    return -1;
  }

 public:
  // A field that the writer does not have.
  Result<NodePtr> Missing(const Field& field, const std::string& name) {
    auto node = std::make_unique<Node>();
    node->name = name;
    node->op = Op::kDefault;
    if (field.default_bytes) {
      ARROW_ASSIGN_OR_RAISE(auto child, Resolve(*field.type, *field.type, name));
      node->constant = *field.default_bytes + std::string(kPadding, '\0');
      node->row_bytes = child->row_bytes;
      node->type = child->type;
      node->children.push_back(std::move(child));
      return node;
    }
    if (!IsNullable(*field.type)) {
      return errors::kAvroSchema.Make({.file = file_, .column = name},
                                      "the file does not have it, and it has no default");
    }
    node->op = Op::kNull;
    ARROW_ASSIGN_OR_RAISE(node->type, ArrowTypeOf(*field.type, file_));
    return node;
  }

 private:
  Result<NodePtr> ResolveUnion(const Type& writer, const Type& reader,
                               const std::string& name) {
    auto node = std::make_unique<Node>();
    node->op = Op::kUnion;
    node->name = name;
    node->min_bytes = 1;
    node->row_bytes = 5;
    ARROW_ASSIGN_OR_RAISE(node->type, ArrowTypeOf(reader, file_));
    std::vector<bool> taken(reader.children.size());
    bool any = false;
    for (const TypePtr& branch : writer.children) {
      size_t place = 0;
      for (; place < taken.size(); ++place) {
        const Type& wanted = *reader.children[place];
        if (!taken[place] && wanted.kind == branch->kind &&
            (branch->name.empty() || SameName(*branch, wanted))) {
          break;
        }
      }
      NodePtr child;
      if (place < taken.size()) {
        taken[place] = any = true;
        ARROW_ASSIGN_OR_RAISE(child, Resolve(*branch, *reader.children[place], name));
      } else {
        child = std::make_unique<Node>();
        child->op = Op::kFail;
        child->name = name;
      }
      node->codes.push_back(static_cast<int8_t>(place));
      node->children.push_back(std::move(child));
    }
    if (!any) return Differs(writer, reader, name);
    return node;
  }

  const std::string& file_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<NodePtr> Resolve(const Type& writer, const Type& reader, const std::string& name,
                        const std::string& file, arrow::MemoryPool* pool) {
  return Resolver(file, pool).Resolve(writer, reader, name);
}

Result<NodePtr> Missing(const Field& field, const std::string& file,
                        arrow::MemoryPool* pool) {
  return Resolver(file, pool).Missing(field, field.name);
}

NodePtr Skip(const Type& writer) {
  auto node = std::make_unique<Node>();
  node->min_bytes = MinBytes(writer);
  auto add = [&](const Type& child) {
    auto skip = Skip(child);
    // Bytes after bytes are one step.
    if (skip->op == Op::kSkipBytes && skip->branches == 0 && !node->children.empty() &&
        node->children.back()->op == Op::kSkipBytes &&
        node->children.back()->branches == 0 && node->op == Op::kSkipRecord) {
      node->children.back()->size += skip->size;
      node->children.back()->min_bytes += skip->min_bytes;
    } else {
      node->children.push_back(std::move(skip));
    }
  };
  switch (writer.kind) {
    case Kind::kNull:
      node->op = Op::kSkipBytes;
      node->size = 0;
      break;
    case Kind::kBoolean:
      node->op = Op::kSkipBytes;
      node->size = 1;
      break;
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kFixed:
      node->op = Op::kSkipBytes;
      node->size = node->min_bytes;
      break;
    case Kind::kInt:
    case Kind::kLong:
    case Kind::kEnum: node->op = Op::kSkipLong; break;
    case Kind::kBytes:
    case Kind::kString: node->op = Op::kSkipText; break;
    case Kind::kArray:
      node->op = Op::kSkipArray;
      add(*writer.children[0]);
      break;
    case Kind::kMap: {
      node->op = Op::kSkipMap;
      auto key = std::make_unique<Node>();
      key->op = Op::kSkipText;
      key->min_bytes = 1;
      node->children.push_back(std::move(key));
      add(*writer.children[0]);
      break;
    }
    case Kind::kRecord:
      node->op = Op::kSkipRecord;
      for (const Field& field : writer.fields) add(*field.type);
      break;
    case Kind::kUnion: {
      const Type* value = nullptr;
      const int null = NullBranch(writer, &value);
      if (value != nullptr && (null >= 0 || writer.children.size() == 1)) {
        node = Skip(*value);
        node->branches = static_cast<uint8_t>(writer.children.size());
        node->null_branch = static_cast<uint8_t>(null >= 0 ? null : 255);
        node->min_bytes = 1;
        break;
      }
      node->op = Op::kSkipUnion;
      for (const TypePtr& branch : writer.children) add(*branch);
      break;
    }
  }
  return node;
}

}  // namespace millrace::formats::avro
