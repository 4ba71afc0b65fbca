#include "millrace/connectors/files/hive_columns.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <arrow/compute/api.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "millrace/base/memory_budget.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/partitions.h"
#include "millrace/data/type_name.h"

namespace millrace::files {

namespace {

using data::Predicate;
using Names = std::vector<std::pair<std::string, std::string>>;  // column and value

std::string Decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* digits = text.data() + i + 1;
      const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
      if (error == std::errc() && end == digits + 2) {
        out += static_cast<char>(byte);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// The folders of a path that name a column. The value stays as it is written: that of
// NULL is told by its name.
Names NamesIn(const std::string& path) {
  Names out;
  size_t begin = 0;
  for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', begin)) {
    const std::string folder = path.substr(begin, slash - begin);
    begin = slash + 1;
    const size_t equal = folder.find('=');
    if (equal == folder.npos || equal == 0) continue;
    std::string name = Decoded(folder.substr(0, equal));
    // The innermost one counts.
    std::erase_if(out, [&](const auto& other) { return other.first == name; });
    out.emplace_back(std::move(name), folder.substr(equal + 1));
  }
  return out;
}

bool SameColumns(const Names& left, const Names& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const auto& a, const auto& b) { return a.first == b.first; });
}

bool IsNumber(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  // What would be written otherwise (007, -0) is a name, not a number.
  return error == std::errc() && std::to_string(value) == text;
}

bool IsDay(const std::string& text) {
  const auto day = arrow::Scalar::Parse(arrow::date32(), text);
  return text.size() == 10 && day.ok() && (*day)->ToString() == text;
}

using Texts = std::vector<std::optional<std::string>>;

std::shared_ptr<arrow::DataType> TypeOf(const Texts& texts) {
  bool numbers = true, days = true, any = false;
  for (const auto& text : texts) {
    if (!text) continue;
    any = true;
    numbers &= IsNumber(*text);
    days &= IsDay(*text);
  }
  if (any && numbers) return arrow::int64();
  return any && days ? arrow::date32() : arrow::utf8();
}

Result<std::shared_ptr<arrow::Scalar>> ValueOf(const std::optional<std::string>& text,
                                               const std::string& path,
                                               const arrow::Field& field,
                                               arrow::MemoryPool* pool) {
  if (!text) return arrow::MakeNullScalar(field.type());
  arrow::compute::ExecContext context(pool);
  auto value =
      arrow::compute::Cast(arrow::Datum(std::make_shared<arrow::StringScalar>(*text)),
                           field.type(), arrow::compute::CastOptions::Safe(), &context);
  if (!value.ok()) {
    return errors::kPartitionValue.Make({.file = path, .column = field.name()},
                                        "'{}' as {}", *text,
                                        data::SqlTypeName(*field.type()));
  }
  return value->scalar();
}

// Sets of what a condition may come to, in SQL's order of FALSE, NULL and TRUE.
constexpr int kFalse = 1, kNull = 2, kTrue = 4, kAny = kFalse | kNull | kTrue;

template <typename Choose>
int Combined(int left, int right, Choose choose) {
  int out = 0;
  for (const int a : {kFalse, kNull, kTrue}) {
    for (const int b : {kFalse, kNull, kTrue}) {
      if ((left & a) != 0 && (right & b) != 0) out |= choose(a, b);
    }
  }
  return out;
}

// `function` of the two; kAny where that can't be said.
int Ask(const char* function, const arrow::Scalar& left, const arrow::Scalar& right) {
  if (!left.is_valid || !right.is_valid) return kNull;
  if (!left.type->Equals(*right.type)) return kAny;
  arrow::compute::ExecContext context(ProcessMemoryPool());
  const auto answer = arrow::compute::CallFunction(
      function, {left.GetSharedPtr(), right.GetSharedPtr()}, &context);
  if (!answer.ok() || !answer->scalar()->is_valid) return kAny;
  return answer->scalar_as<arrow::BooleanScalar>().value ? kTrue : kFalse;
}

const char* FunctionOf(Predicate::Comparison comparison) {
  switch (comparison) {
    case Predicate::Comparison::kEqual: return "equal";
    case Predicate::Comparison::kNotEqual: return "not_equal";
    case Predicate::Comparison::kLess: return "less";
    case Predicate::Comparison::kLessEqual: return "less_equal";
    case Predicate::Comparison::kGreater: return "greater";
    case Predicate::Comparison::kGreaterEqual: return "greater_equal";
  }
  return "";
}

}  // namespace

Result<HiveColumns> HiveColumns::Make(const std::string& mode,
                                      const std::vector<std::string>& paths,
                                      const std::shared_ptr<arrow::Schema>& declared,
                                      arrow::MemoryPool* pool) {
  HiveColumns out;
  if (mode == "off" || paths.empty()) return out;
  std::vector<Names> names;
  for (const std::string& path : paths) {
    names.push_back(NamesIn(path));
    const bool fits = !names.back().empty() && SameColumns(names.front(), names.back());
    if (fits) continue;
    if (mode == "auto") return out;
    return errors::kPartitionFolders.Make(
        {.file = path}, "{}",
        names.back().empty() ? std::string("no folder names a column")
                             : "those of " + paths.front() + " name others");
  }
  for (size_t column = 0; column < names.front().size(); ++column) {
    Texts texts;
    for (const Names& of_file : names) {
      const std::string& text = of_file[column].second;
      texts.push_back(text == kNullPartition ? std::nullopt
                                             : std::optional(Decoded(text)));
    }
    const std::string& name = names.front()[column].first;
    auto field =
        declared ? declared->GetFieldByName(name) : arrow::field(name, TypeOf(texts));
    if (!field) continue;
    auto& values = out.values_.emplace_back();
    for (size_t file = 0; file < paths.size(); ++file) {
      ARROW_ASSIGN_OR_RAISE(auto value, ValueOf(texts[file], paths[file], *field, pool));
      values.push_back(std::move(value));
    }
    out.fields_.push_back(std::move(field));
  }
  return out;
}

int HiveColumns::IndexOf(const std::string& name) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i]->name() == name) return static_cast<int>(i);
  }
  return -1;
}

std::shared_ptr<arrow::Schema> HiveColumns::With(const arrow::Schema& file) const {
  arrow::FieldVector fields;
  for (const auto& field : file.fields()) {
    const int column = IndexOf(field->name());
    fields.push_back(column < 0 ? field : this->field(column));
  }
  for (const auto& field : fields_) {
    if (file.GetFieldIndex(field->name()) < 0) fields.push_back(field);
  }
  return arrow::schema(std::move(fields), file.metadata());
}

std::shared_ptr<arrow::Schema> HiveColumns::Without(const arrow::Schema& schema) const {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    if (IndexOf(field->name()) < 0) fields.push_back(field);
  }
  return arrow::schema(std::move(fields), schema.metadata());
}

bool HiveColumns::MayMatch(size_t file, const data::PredicatePtr& predicate) const {
  return empty() || !predicate || (Outcomes(file, *predicate) & kTrue) != 0;
}

int HiveColumns::Outcomes(size_t file, const Predicate& predicate) const {
  auto over = [&](int begin, auto choose) {
    int out = begin;
    for (const auto& child : predicate.children) {
      out = Combined(out, Outcomes(file, *child), choose);
    }
    return out;
  };
  auto least = [](int a, int b) { return std::min(a, b); };
  auto most = [](int a, int b) { return std::max(a, b); };
  switch (predicate.kind) {
    case Predicate::Kind::kAnd: return over(kTrue, least);
    case Predicate::Kind::kOr: return over(kFalse, most);
    case Predicate::Kind::kNot: {
      const int inner = Outcomes(file, *predicate.children.front());
      return (inner & kNull) | ((inner & kTrue) != 0 ? kFalse : 0) |
             ((inner & kFalse) != 0 ? kTrue : 0);
    }
    default: break;
  }
  const int column = IndexOf(predicate.column);
  if (column < 0) return kAny;
  const arrow::Scalar& own = *value(file, column);
  switch (predicate.kind) {
    case Predicate::Kind::kIsNull: return own.is_valid ? kFalse : kTrue;
    case Predicate::Kind::kCompare:
      return Ask(FunctionOf(predicate.comparison), own, *predicate.values.front());
    case Predicate::Kind::kIn: {
      int out = own.is_valid ? kFalse : kNull;
      for (const auto& one : predicate.values) {
        out = Combined(out, Ask("equal", own, *one), most);
      }
      return out;
    }
    default: return own.is_valid ? kAny : kNull;
  }
}

data::PredicatePtr HiveColumns::OfFiles(const data::PredicatePtr& predicate) const {
  return data::OnlyOf(predicate,
                      [this](const std::string& name) { return IndexOf(name) < 0; });
}

}  // namespace millrace::files
