#include "millrace/connectors/files/schema_check.h"

#include <arrow/type.h>

#include "millrace/connectors/files/errors.h"

namespace millrace::files {

namespace {

using data::Compatibility;
using data::SchemaPolicy;
using formats::ColumnsTold;

SchemaPolicy PolicyOf(const std::string& name) {
  if (name == "strict") return SchemaPolicy::kStrict;
  return name == "default" ? SchemaPolicy::kDefault : SchemaPolicy::kFlexible;
}

Compatibility CompatibilityOf(const std::string& name) {
  if (name == "backward") return Compatibility::kBackward;
  if (name == "forward") return Compatibility::kForward;
  if (name == "full") return Compatibility::kFull;
  if (name == "backward_transitive") return Compatibility::kBackwardTransitive;
  if (name == "forward_transitive") return Compatibility::kForwardTransitive;
  return name == "full_transitive" ? Compatibility::kFullTransitive
                                   : Compatibility::kNone;
}

Status Refuse(const Parsed& options, const std::string& file,
              const std::vector<data::SchemaChangeItem>& changes) {
  const std::string& policy = options.own.GetString("schema_policy");
  const std::string& compatibility = options.own.GetString("compatibility");
  for (const data::SchemaChangeItem& change : changes) {
    const Where where{.file = file, .column = change.column};
    if (!data::Accepts(PolicyOf(policy), change.kind)) {
      const std::string_view others = data::AcceptedBy(change.kind);
      return errors::kSchemaDiffers.Make(
          where, "{}; schema_policy '{}' refuses that, {} would accept it",
          change.ToString(), policy, others.empty() ? "and no other" : others);
    }
    if (!data::Allows(CompatibilityOf(compatibility), change.kind)) {
      return errors::kSchemaDiffers.Make(where, "{}; that is not {} compatible",
                                         change.ToString(), compatibility);
    }
  }
  return Status::OK();
}

// The file's own columns, with the expected types where their names are expected.
std::shared_ptr<arrow::Schema> WithTypes(const arrow::Schema& own,
                                         const arrow::Schema& expected) {
  arrow::FieldVector fields;
  for (const auto& field : own.fields()) {
    const auto wanted = expected.GetFieldByName(field->name());
    fields.push_back(wanted ? wanted : field);
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<formats::FileReader>> Open(
    const Parsed& options, const formats::Input& input,
    const std::shared_ptr<arrow::Schema>& schema, const formats::Context& context) {
  return options.format->OpenReader(input, options.format_options, schema, nullptr,
                                    context);
}

// The columns to open a file with that has `own`.
Result<std::shared_ptr<arrow::Schema>> Judge(
    const Parsed& options, const std::string& name, const arrow::Schema& own,
    const std::shared_ptr<arrow::Schema>& expected) {
  const ColumnsTold told = options.format->columns_told();
  ARROW_RETURN_NOT_OK(Refuse(
      options, name, data::CompareSchemas(*expected, own, told == ColumnsTold::kStored)));
  // Each row is looked through for the expected names anyway, those beyond the sample
  // too.
  return told == ColumnsTold::kInRows ? expected : WithTypes(own, *expected);
}

std::shared_ptr<formats::FileReader> Adapted(
    const std::string& name, std::shared_ptr<formats::FileReader> reader,
    const std::shared_ptr<arrow::Schema>& expected) {
  if (reader->schema()->Equals(*expected, /*check_metadata=*/false)) return reader;
  data::SchemaAdaptor adaptor(expected, reader->schema());
  return MakeAdaptedFile(name, std::move(reader), expected, std::move(adaptor));
}

}  // namespace

bool ComparesAll(const Parsed& options) {
  return options.own.has("schema_policy") &&
         data::IsTransitive(CompatibilityOf(options.own.GetString("compatibility")));
}

EarlierFiles::EarlierFiles(const Parsed& options,
                           const std::shared_ptr<arrow::Schema>& expected)
    : options_(options),
      history_(CompatibilityOf(options.own.GetString("compatibility")),
               options.format->columns_told() == ColumnsTold::kStored) {
  if (expected) (void)history_.Add("the expected columns", expected);
}

Result<bool> EarlierFiles::Compare(const formats::Input& input,
                                   const formats::Context& context) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        options_.format->OpenReader(input, options_.format_options,
                                                    nullptr, nullptr, context));
  return Compare(input.name, reader->schema());
}

Result<bool> EarlierFiles::Compare(const std::string& name,
                                   std::shared_ptr<arrow::Schema> schema) {
  std::lock_guard guard(mutex_);
  const size_t before = history_.seen().size();
  const auto conflict = history_.Add(name, std::move(schema));
  if (!conflict) return history_.seen().size() > before;
  return errors::kSchemaDiffers.Make({.file = name, .column = conflict->change.column},
                                     "{} since {}; that is not {} compatible",
                                     conflict->change.ToString(), conflict->earlier,
                                     options_.own.GetString("compatibility"));
}

std::vector<std::pair<std::string, std::shared_ptr<arrow::Schema>>> EarlierFiles::seen()
    const {
  std::lock_guard guard(mutex_);
  return history_.seen();
}

Result<JudgedColumns> JudgeColumns(const Parsed& options, const formats::Input& input,
                                   const std::shared_ptr<arrow::Schema>& expected,
                                   EarlierFiles* earlier,
                                   const formats::Context& context) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, Open(options, input, nullptr, context));
  JudgedColumns out;
  if (earlier != nullptr) {
    ARROW_ASSIGN_OR_RAISE(out.new_to_earlier,
                          earlier->Compare(input.name, reader->schema()));
  }
  ARROW_ASSIGN_OR_RAISE(out.own, Judge(options, input.name, *reader->schema(), expected));
  return out;
}

Result<std::shared_ptr<formats::FileReader>> OpenJudged(
    const Parsed& options, const formats::Input& input,
    const std::shared_ptr<arrow::Schema>& own,
    const std::shared_ptr<arrow::Schema>& expected, const formats::Context& context) {
  const bool stored = options.format->columns_told() == ColumnsTold::kStored;
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        Open(options, input, stored ? nullptr : own, context));
  return Adapted(input.name, std::move(reader), expected);
}

Result<std::shared_ptr<formats::FileReader>> OpenByPolicy(
    const Parsed& options, const formats::Input& input,
    const std::shared_ptr<arrow::Schema>& expected, const formats::Context& context) {
  ARROW_ASSIGN_OR_RAISE(auto reader, Open(options, input, nullptr, context));
  ARROW_ASSIGN_OR_RAISE(const auto own,
                        Judge(options, input.name, *reader->schema(), expected));
  if (options.format->columns_told() != ColumnsTold::kStored) {
    ARROW_ASSIGN_OR_RAISE(reader, Open(options, input, own, context));
  }
  return Adapted(input.name, std::move(reader), expected);
}

}  // namespace millrace::files
