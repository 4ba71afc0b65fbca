#include "millrace/formats/avro/columns.h"

#include <algorithm>
#include <numeric>

#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/avro/errors.h"

namespace millrace::formats::avro {

namespace {

bool EqualsIgnoringCase(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) {
                      return std::tolower(x) == std::tolower(y);
                    });
}

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The field of the writer for `reader`, or −1.
int FindField(const Type& writer, const Field& reader) {
  int by_alias = -1, by_case = -1;
  bool several = false;
  for (size_t i = 0; i < writer.fields.size(); ++i) {
    const Field& field = writer.fields[i];
    if (field.name == reader.name) return static_cast<int>(i);
    if (by_alias < 0 &&
        (Holds(reader.aliases, field.name) || Holds(field.aliases, reader.name))) {
      by_alias = static_cast<int>(i);
    }
    if (EqualsIgnoringCase(field.name, reader.name)) {
      several |= by_case >= 0;
      by_case = static_cast<int>(i);
    }
  }
  if (by_alias >= 0) return by_alias;
  return several ? -1 : by_case;
}

// `type`, or what Avro promotes it to when a column of type `wanted` is declared.
TypePtr Promoted(const TypePtr& type, const arrow::DataType& wanted) {
  if (type->kind == Kind::kUnion) {
    const Type* value = nullptr;
    if (NullBranch(*type, &value) < 0 || value == nullptr) return type;
    auto out = std::make_shared<Type>(*type);
    for (TypePtr& branch : out->children) {
      if (branch.get() == value) branch = Promoted(branch, wanted);
    }
    return out;
  }
  if (type->logical != Logical::kNone && type->logical != Logical::kUuid) return type;
  Kind to = type->kind;
  const bool text = to == Kind::kBytes || to == Kind::kString;
  switch (wanted.id()) {
    case arrow::Type::INT64:
      if (to == Kind::kInt) to = Kind::kLong;
      break;
    case arrow::Type::FLOAT:
      if (to == Kind::kInt || to == Kind::kLong) to = Kind::kFloat;
      break;
    case arrow::Type::DOUBLE:
      if (to == Kind::kInt || to == Kind::kLong || to == Kind::kFloat) to = Kind::kDouble;
      break;
    case arrow::Type::STRING:
      if (text) to = Kind::kString;
      break;
    case arrow::Type::BINARY:
      if (text) to = Kind::kBytes;
      break;
    default: break;
  }
  if (to == type->kind) return type;
  auto out = std::make_shared<Type>();
  out->kind = to;
  return out;
}

std::string ListText(const Type& writer) {
  std::string out;
  for (const Field& field : writer.fields) {
    out += (out.empty() ? "" : ", ") + field.name;
  }
  return out;
}

// What `declared` column is read as: a field of the first file, or one as the writer has
// it.
Field ReaderOf(const arrow::Field& declared, const Type& writer, const Columns* first) {
  if (first != nullptr) {
    for (size_t i = 0; i < first->columns.size(); ++i) {
      const auto& name = first->stored.schema->field(static_cast<int>(i))->name();
      if (name == declared.name()) return first->columns[i].reader;
    }
  }
  Field out;
  out.name = declared.name();
  const int field = FindField(writer, out);
  if (field >= 0) {
    out.type = Promoted(writer.fields[static_cast<size_t>(field)].type, *declared.type());
  }
  return out;
}

}  // namespace

Result<Columns> MapColumns(TypePtr writer, const std::shared_ptr<arrow::Schema>& declared,
                           const Columns* first, const std::string& file) {
  Columns out;
  out.writer = std::move(writer);
  const auto& wanted = declared || first == nullptr ? declared : first->stored.schema;
  arrow::FieldVector stored;
  if (!wanted) {
    ARROW_ASSIGN_OR_RAISE(const auto own, ArrowSchemaOf(*out.writer, file));
    stored = own->fields();
    for (const Field& field : out.writer->fields) {
      out.columns.push_back({field, static_cast<int>(out.columns.size())});
    }
  } else {
    bool any = false;
    std::vector<bool> taken(out.writer->fields.size());
    for (const auto& column : wanted->fields()) {
      Columns::Column found{ReaderOf(*column, *out.writer, first)};
      found.field = FindField(*out.writer, found.reader);
      const Where where{.file = file, .column = column->name()};
      if (found.field >= 0) {
        if (taken[static_cast<size_t>(found.field)]) {
          return errors::kAvroSchema.Make(
              where, "two columns take the field '{}'",
              out.writer->fields[static_cast<size_t>(found.field)].name);
        }
        taken[static_cast<size_t>(found.field)] = any = true;
      } else if (!found.reader.default_bytes && !column->nullable()) {
        return errors::kAvroSchema.Make(where, "it has ({})", ListText(*out.writer));
      }
      if (found.field < 0 && !found.reader.default_bytes) found.reader.type = nullptr;
      auto type = column->type();
      if (found.reader.type) {
        ARROW_ASSIGN_OR_RAISE(type, ArrowTypeOf(*found.reader.type, file));
      }
      stored.push_back(column->WithType(std::move(type)));
      out.columns.push_back(std::move(found));
    }
    if (!any && wanted->num_fields() > 0) {
      return errors::kAvroSchema.Make(
          {.file = file}, "it has ({}), none of those expected", ListText(*out.writer));
    }
  }
  ARROW_ASSIGN_OR_RAISE(
      out.stored, MapStoredColumns(*arrow::schema(std::move(stored)), wanted, nullptr,
                                   file, errors::kAvroSchema));
  return out;
}

Result<std::unique_ptr<Decoder>> MakeDecoder(const Columns& columns,
                                             const std::vector<int>& wanted,
                                             const std::string& file,
                                             arrow::MemoryPool* pool) {
  std::vector<std::unique_ptr<Node>> program;
  std::vector<Node*> made(columns.columns.size(), nullptr);
  std::vector<int> column_of(columns.writer->fields.size(), -1);
  arrow::FieldVector fields;
  for (const int column : wanted) {
    const int field = columns.columns[static_cast<size_t>(column)].field;
    if (field >= 0) column_of[static_cast<size_t>(field)] = column;
    const auto& stored = columns.stored;
    fields.push_back(stored.schema->field(column));
  }
  for (size_t i = 0; i < columns.writer->fields.size(); ++i) {
    const Type& type = *columns.writer->fields[i].type;
    if (column_of[i] < 0) {
      auto skip = Skip(type);
      // Bytes after bytes are one step.
      const bool joins = skip->op == Op::kSkipBytes && skip->branches == 0 &&
                         !program.empty() && program.back()->op == Op::kSkipBytes &&
                         program.back()->branches == 0;
      if (joins) {
        program.back()->size += skip->size;
        program.back()->min_bytes += skip->min_bytes;
      } else {
        program.push_back(std::move(skip));
      }
      continue;
    }
    const size_t column = static_cast<size_t>(column_of[i]);
    const Field& reader = columns.columns[column].reader;
    ARROW_ASSIGN_OR_RAISE(auto node,
                          Resolve(type, *reader.type, reader.name, file, pool));
    node->in_dictionary = true;
    made[column] = node.get();
    program.push_back(std::move(node));
  }
  std::vector<Node*> in_order;
  for (const int column : wanted) {
    Node*& node = made[static_cast<size_t>(column)];
    if (node == nullptr) {
      const Field& reader = columns.columns[static_cast<size_t>(column)].reader;
      std::unique_ptr<Node> missing;
      if (reader.type) {
        ARROW_ASSIGN_OR_RAISE(missing, Missing(reader, file, pool));
      } else {
        missing = std::make_unique<Node>();
        missing->name = reader.name;
        missing->type = columns.stored.schema->field(column)->type();
      }
      node = missing.get();
      program.push_back(std::move(missing));
    }
    in_order.push_back(node);
  }
  return std::make_unique<Decoder>(std::move(program), std::move(in_order),
                                   arrow::schema(std::move(fields)), file, pool);
}

}  // namespace millrace::formats::avro
