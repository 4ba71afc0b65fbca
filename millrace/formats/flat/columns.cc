#include "millrace/formats/flat/columns.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/ranges.h>

#include "millrace/formats/flat/errors.h"

namespace millrace::formats::flat {

namespace {

// Metadata of a flat column: the names on its path, each behind its length and a colon.
constexpr const char kPathMark[] = "millrace.path";

std::string PathText(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += fmt::format("{}:{}", name.size(), name);
  return out;
}

// Empty where the field has no path, or none that can be read.
std::vector<std::string> PathOf(const arrow::Field& field) {
  std::vector<std::string> names;
  if (!field.HasMetadata()) return names;
  const auto found = field.metadata()->Get(kPathMark);
  if (!found.ok()) return names;
  for (std::string_view left = *found; !left.empty();) {
    size_t size = 0;
    const auto [end, error] =
        std::from_chars(left.data(), left.data() + left.size(), size);
    const size_t digits = static_cast<size_t>(end - left.data());
    if (error != std::errc() || digits >= left.size() || *end != ':' ||
        left.size() - digits - 1 < size) {
      return {};
    }
    names.emplace_back(left.substr(digits + 1, size));
    left.remove_prefix(digits + 1 + size);
  }
  return names;
}

bool Opens(const arrow::DataType& type, size_t level, const Flattening& how) {
  return type.id() == arrow::Type::STRUCT && type.num_fields() > 0 &&
         level < static_cast<size_t>(how.depth);
}

// Fields that come in any order, put together to structs.
struct Node {
  std::string name;
  std::shared_ptr<arrow::DataType> leaf;
  std::vector<Node> children;

  // The child's number.
  int Child(const std::string& of) {
    const auto found = std::find_if(children.begin(), children.end(),
                                    [&](const Node& child) { return child.name == of; });
    if (found != children.end()) return static_cast<int>(found - children.begin());
    children.push_back({.name = of, .leaf = nullptr, .children = {}});
    return static_cast<int>(children.size()) - 1;
  }
  arrow::FieldVector Fields() const {
    arrow::FieldVector out;
    for (const Node& child : children) {
      out.push_back(arrow::field(
          child.name, child.leaf ? child.leaf : arrow::struct_(child.Fields())));
    }
    return out;
  }
};

}  // namespace

Result<FlatColumns> FlatColumns::Make(const std::shared_ptr<arrow::Schema>& nested,
                                      const Flattening& how, const std::string& file) {
  FlatColumns out;
  out.nested_ = nested;
  arrow::FieldVector fields;
  std::map<std::string, std::string> seen;  // name to path
  std::vector<std::string> names;
  Path path;
  auto add = [&](auto&& self, const arrow::Field& field) -> Status {
    names.push_back(field.name());
    if (Opens(*field.type(), names.size() - 1, how)) {
      for (int i = 0; i < field.type()->num_fields(); ++i) {
        path.push_back(i);
        ARROW_RETURN_NOT_OK(self(self, *field.type()->field(i)));
        path.pop_back();
      }
    } else {
      std::string name = fmt::format("{}", fmt::join(names, how.separator));
      std::string shown = fmt::format("{}", fmt::join(names, "."));
      const auto [found, added] = seen.emplace(name, shown);
      if (!added) {
        return errors::kFlatCollision.Make({.file = file, .column = name}, "{} and {}",
                                           found->second, shown);
      }
      const bool whole = path.size() == 1;
      fields.push_back(whole ? nested->field(path.front())
                             : arrow::field(std::move(name), field.type()));
      out.paths_.push_back(path);
    }
    names.pop_back();
    return Status::OK();
  };
  for (int i = 0; i < nested->num_fields(); ++i) {
    path.push_back(i);
    ARROW_RETURN_NOT_OK(add(add, *nested->field(i)));
    path.pop_back();
  }
  out.schema_ = arrow::schema(std::move(fields));
  return out;
}

Result<FlatColumns> FlatColumns::Restore(const std::shared_ptr<arrow::Schema>& flat,
                                         const FlatColumns* like,
                                         const std::string& file) {
  FlatColumns out;
  Node root;
  for (const auto& field : flat->fields()) {
    std::vector<std::string> names = PathOf(*field);
    if (names.empty() && like != nullptr) {
      const int found = like->schema_->GetFieldIndex(field->name());
      if (found >= 0) names = like->NamesOf(found);
    }
    if (names.empty()) {
      return errors::kFlatUnknown.Make({.file = file, .column = field->name()}, "");
    }
    Path path;
    Node* node = &root;
    for (const std::string& name : names) {
      path.push_back(node->Child(name));
      node = &node->children[static_cast<size_t>(path.back())];
      if (node->leaf) break;
    }
    if (node->leaf || !node->children.empty()) {
      return errors::kFlatCollision.Make({.file = file, .column = field->name()},
                                         "{} is one value and a struct, too",
                                         fmt::join(names, "."));
    }
    node->leaf = field->type();
    out.paths_.push_back(std::move(path));
  }
  out.nested_ = arrow::schema(root.Fields());
  out.schema_ = flat;
  return out;
}

std::vector<std::string> FlatColumns::NamesOf(int i) const {
  const Path& path = paths_[static_cast<size_t>(i)];
  auto field = nested_->field(path.front());
  std::vector<std::string> names = {field->name()};
  for (size_t level = 1; level < path.size(); ++level) {
    field = field->type()->field(path[level]);
    names.push_back(field->name());
  }
  return names;
}

void FlatColumns::Mark() {
  arrow::FieldVector fields;
  for (int i = 0; i < schema_->num_fields(); ++i) {
    fields.push_back(schema_->field(i)->WithMetadata(
        arrow::key_value_metadata({kPathMark}, {PathText(NamesOf(i))})));
  }
  schema_ = arrow::schema(std::move(fields));
}

bool FlatColumns::all_whole() const {
  return std::all_of(paths_.begin(), paths_.end(),
                     [](const Path& path) { return path.size() == 1; });
}

Result<std::shared_ptr<arrow::RecordBatch>> FlatColumns::Flatten(
    const arrow::RecordBatch& rows, const std::vector<int>& have,
    const std::vector<int>& wanted, arrow::MemoryPool* pool) const {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  // Neighbours share the structs that they are in.
  Path open;
  arrow::ArrayVector opened;  // one a step of `open`
  for (const int i : wanted) {
    const Path& path = paths_[static_cast<size_t>(i)];
    const auto same = std::mismatch(path.begin(), path.end(), open.begin(), open.end());
    const size_t shared = static_cast<size_t>(same.first - path.begin());
    open.resize(shared);
    opened.resize(shared);
    for (size_t level = shared; level < path.size(); ++level) {
      if (level == 0) {
        const auto at = std::lower_bound(have.begin(), have.end(), path[0]);
        opened.push_back(rows.column(static_cast<int>(at - have.begin())));
      } else {
        const auto& parent = static_cast<const arrow::StructArray&>(*opened.back());
        ARROW_ASSIGN_OR_RAISE(auto child, parent.GetFlattenedField(path[level], pool));
        opened.push_back(std::move(child));
      }
      open.push_back(path[level]);
    }
    // A column may be a dictionary of its type.
    fields.push_back(schema_->field(i)->WithType(opened.back()->type()));
    columns.push_back(opened.back());
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows.num_rows(),
                                  std::move(columns));
}

}  // namespace millrace::formats::flat
