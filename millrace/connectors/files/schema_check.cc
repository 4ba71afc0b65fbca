#include "millrace/connectors/files/schema_check.h"

#include <arrow/type.h>

#include "millrace/connectors/files/errors.h"

namespace millrace::files {

namespace {

using data::Compatibility;
using data::SchemaPolicy;

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

Status Judge(const Parsed& options, const std::string& file,
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

}  // namespace

bool ComparesAll(const Parsed& options) {
  return options.own.has("schema_policy") &&
         data::IsTransitive(CompatibilityOf(options.own.GetString("compatibility")));
}

EarlierFiles::EarlierFiles(const Parsed& options,
                           const std::shared_ptr<arrow::Schema>& expected)
    : options_(options),
      history_(CompatibilityOf(options.own.GetString("compatibility")),
               options.format->columns_told() == formats::ColumnsTold::kStored) {
  if (expected) (void)history_.Add("the expected columns", expected);
}

Status EarlierFiles::Compare(const formats::Input& input,
                             const formats::Context& context) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        options_.format->OpenReader(input, options_.format_options,
                                                    nullptr, nullptr, context));
  const auto conflict = history_.Add(input.name, reader->schema());
  if (!conflict) return Status::OK();
  return errors::kSchemaDiffers.Make(
      {.file = input.name, .column = conflict->change.column},
      "{} since {}; that is not {} compatible", conflict->change.ToString(),
      conflict->earlier, options_.own.GetString("compatibility"));
}

Result<std::shared_ptr<formats::FileReader>> OpenByPolicy(
    const Parsed& options, const formats::Input& input,
    const std::shared_ptr<arrow::Schema>& expected, const formats::Context& context) {
  using formats::ColumnsTold;
  const formats::Format& format = *options.format;
  auto open = [&](const std::shared_ptr<arrow::Schema>& schema)
      -> Result<std::shared_ptr<formats::FileReader>> {
    return format.OpenReader(input, options.format_options, schema, nullptr, context);
  };
  ARROW_ASSIGN_OR_RAISE(auto reader, open(nullptr));
  const ColumnsTold told = format.columns_told();
  const auto changes =
      data::CompareSchemas(*expected, *reader->schema(), told == ColumnsTold::kStored);
  ARROW_RETURN_NOT_OK(Judge(options, input.name, changes));
  // Each row is looked through for the expected names anyway, those beyond the sample
  // too.
  if (told == ColumnsTold::kInRows) return open(expected);
  if (told == ColumnsTold::kInHeader) {
    ARROW_ASSIGN_OR_RAISE(reader, open(WithTypes(*reader->schema(), *expected)));
  }
  if (reader->schema()->Equals(*expected, /*check_metadata=*/false)) return reader;
  data::SchemaAdaptor adaptor(expected, reader->schema());
  return MakeAdaptedFile(input.name, std::move(reader), expected, std::move(adaptor));
}

}  // namespace millrace::files
