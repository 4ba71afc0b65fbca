#include "millrace/engine/catalog.h"

#include <arrow/type.h>

#include "millrace/connector/errors.h"
#include "millrace/connectors/files/files.h"
#include "millrace/engine/errors.h"

namespace millrace::engine {

namespace {

std::string Lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

SessionCatalog::SessionCatalog(Engine* engine, std::shared_ptr<MemoryBudget> memory)
    : engine_(engine), memory_(std::move(memory)) {}

Result<std::unique_ptr<connector::Source>> SessionCatalog::MakeSource(
    const plan::Table& table, const std::shared_ptr<arrow::Schema>& declared) {
  ARROW_ASSIGN_OR_RAISE(const connector::ConnectorSpec* spec,
                        engine_->connectors().Get(table.connector));
  if (!spec->make_source) return errors::kNotASource.Make({}, "'{}'", table.connector);
  connector::Surroundings surroundings = engine_->For(table.name, memory_);
  surroundings.given_up = given_up_;
  return spec->make_source(table.options, declared, surroundings);
}

Result<plan::TablePtr> SessionCatalog::Resolve(plan::Table table) {
  if (!table.can_read) return std::make_shared<const plan::Table>(std::move(table));
  ARROW_ASSIGN_OR_RAISE(auto source,
                        MakeSource(table, table.declared ? table.schema : nullptr));
  if (!table.schema) {
    if (earlier_run_ && !source->bounded())
      source->ExpectRestore(earlier_run_(table.name));
    ARROW_ASSIGN_OR_RAISE(table.schema, source->InferSchema());
  }
  table.bounded = source->bounded();
  auto resolved = std::make_shared<const plan::Table>(std::move(table));
  ready_[resolved.get()] = std::move(source);
  return resolved;
}

Result<plan::TablePtr> SessionCatalog::FindTable(const std::string& name) {
  const std::string key = Lowered(name);
  if (auto found = resolved_.find(key); found != resolved_.end()) return found->second;
  auto found = declared_.find(key);
  if (found == declared_.end()) return plan::TablePtr();
  ARROW_ASSIGN_OR_RAISE(plan::TablePtr table, Resolve(found->second));
  resolved_[key] = table;
  return table;
}

Result<plan::TablePtr> SessionCatalog::FindSink(const std::string& name) {
  auto found = declared_.find(Lowered(name));
  if (found == declared_.end() || found->second.can_read) return plan::TablePtr();
  return FindTable(name);
}

Result<plan::NodePtr> SessionCatalog::FindView(const std::string& name) {
  auto found = views_.find(Lowered(name));
  return found == views_.end() ? plan::NodePtr() : found->second;
}

Result<std::shared_ptr<arrow::Schema>> SessionCatalog::WithTypes(
    const plan::Table& table, const std::shared_ptr<arrow::Schema>& types) {
  ARROW_ASSIGN_OR_RAISE(auto source, MakeSource(table, nullptr));
  // What it gave to be looked at would be gone.
  if (source->replay() == connector::Replay::kNever) return types;
  ARROW_ASSIGN_OR_RAISE(auto schema, source->InferSchema());
  std::vector<std::string> unknown;
  for (const auto& field : types->fields()) {
    const int index = schema->GetFieldIndex(field->name());
    if (index < 0) {
      unknown.push_back(field->name());
    } else {
      ARROW_ASSIGN_OR_RAISE(schema, schema->SetField(index, field));
    }
  }
  if (unknown.empty()) return schema;
  if (unknown.size() == static_cast<size_t>(types->num_fields())) return types;
  const std::string near = NearestName(unknown.front(), schema->field_names());
  return errors::kNoSuchColumn.Make(
      {.file = table.name, .column = unknown.front()}, "it has {}{}",
      fmt::join(schema->field_names(), ", "),
      near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

Result<plan::TablePtr> SessionCatalog::ReadableTable(
    const std::string& uri, connector::Options options,
    const std::shared_ptr<arrow::Schema>& types) {
  plan::Table table;
  table.name = uri;
  if (files::IsPath(uri)) {
    table.connector = "files";
    options["path"] = uri;
  } else {
    const std::string scheme = uri.substr(0, uri.find("://"));
    const connector::ConnectorSpec* spec = engine_->connectors().FindScheme(scheme);
    if (spec == nullptr) return errors::kUnknownScheme.Make({}, "{}", uri);
    table.connector = spec->name;
    options["uri"] = uri;
  }
  table.options = std::move(options);
  table.can_write = false;
  if (types) {
    ARROW_ASSIGN_OR_RAISE(table.schema, WithTypes(table, types));
    table.declared = true;
  }
  return Resolve(std::move(table));
}

Result<plan::TablePtr> SessionCatalog::WritableTable(const std::string& uri,
                                                     connector::Options options) {
  auto table = std::make_shared<plan::Table>();
  table->name = uri;
  if (!files::IsPath(uri)) return errors::kUnknownScheme.Make({}, "{}", uri);
  table->connector = "files";
  options["path"] = uri;
  table->options = std::move(options);
  table->can_read = false;
  return plan::TablePtr(std::move(table));
}

void SessionCatalog::GiveName(const std::string& name, plan::TablePtr table) {
  const std::string key = Lowered(name);
  declared_[key] = *table;
  declared_[key].name = name;
  resolved_[key] = std::move(table);
}

Result<plan::TablePtr> SessionCatalog::TableOfPath(const std::string& path) {
  const std::string key = "'" + path + "'";
  if (auto found = resolved_.find(key); found != resolved_.end()) return found->second;
  ARROW_ASSIGN_OR_RAISE(plan::TablePtr table, ReadableTable(path, {}));
  resolved_[key] = table;
  return table;
}

Result<plan::TablePtr> SessionCatalog::SinkOfPath(const std::string& path) {
  return WritableTable(path, {});
}

std::vector<std::string> SessionCatalog::Names() {
  std::vector<std::string> out;
  for (const auto& [key, table] : declared_) out.push_back(table.name);
  for (const auto& [key, view] : views_) out.push_back(key);
  return out;
}

Status SessionCatalog::AddTable(plan::Table table, bool replace) {
  const std::string key = Lowered(table.name);
  if (!replace && (declared_.count(key) > 0 || views_.count(key) > 0)) {
    return errors::kNameTaken.Make({}, "'{}'", table.name);
  }
  ARROW_RETURN_NOT_OK(engine_->connectors().Get(table.connector).status());
  resolved_.erase(key);
  views_.erase(key);
  declared_[key] = std::move(table);
  return Status::OK();
}

Status SessionCatalog::AddView(const std::string& name, plan::NodePtr plan,
                               bool replace) {
  const std::string key = Lowered(name);
  if (!replace && (declared_.count(key) > 0 || views_.count(key) > 0)) {
    return errors::kNameTaken.Make({}, "'{}'", name);
  }
  declared_.erase(key);
  resolved_.erase(key);
  views_[key] = std::move(plan);
  return Status::OK();
}

Status SessionCatalog::Drop(const std::string& name, bool if_exists) {
  const std::string key = Lowered(name);
  resolved_.erase(key);
  if (declared_.erase(key) + views_.erase(key) > 0 || if_exists) return Status::OK();
  const std::vector<std::string> names = Names();
  const std::string near = NearestName(name, names);
  return errors::kNoSuchName.Make(
      {}, "'{}'{}", name, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

Result<std::unique_ptr<connector::Source>> SessionCatalog::SourceOf(
    const plan::TablePtr& table, const connector::Surroundings& surroundings) {
  if (auto found = ready_.find(table.get()); found != ready_.end()) {
    auto source = std::move(found->second);
    ready_.erase(found);
    return source;
  }
  ARROW_ASSIGN_OR_RAISE(const connector::ConnectorSpec* spec,
                        engine_->connectors().Get(table->connector));
  if (!spec->make_source) return errors::kNotASource.Make({}, "'{}'", table->connector);
  // Schema given: the rows have to look as they did when the query was planned.
  return spec->make_source(table->options, table->schema, surroundings);
}

}  // namespace millrace::engine
