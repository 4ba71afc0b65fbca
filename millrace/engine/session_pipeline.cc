// YAML pipelines in a session: their tables go into the catalog, and one INSERT is
// planned over them like any other.
#include <memory>

#include "millrace/engine/errors.h"
#include "millrace/engine/session.h"
#include "millrace/engine/yaml_pipeline.h"
#include "millrace/sql/parser.h"

namespace millrace::engine {

namespace {

// `status` with `where` unless it names a file of its own: a line of the pipeline means
// nothing beside the name of a data file.
Status At(const Status& status, const Where& where) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  return detail == nullptr || !detail->where().file.empty() ? status
                                                            : WithWhere(status, where);
}

Where In(const std::string& file, Where where) {
  where.file = file;
  return where;
}

}  // namespace

Result<Session::Lowered> Session::Lower(std::string_view yaml, const std::string& file) {
  auto parsed = ParseYamlPipeline(yaml, engine_->connectors());
  if (!parsed.ok()) return WithWhere(parsed.status(), {.file = file});
  Lowered out;
  auto pipeline = std::make_shared<const YamlPipeline>(std::move(*parsed));
  out.pipeline = pipeline;
  if (!pipeline->name.empty()) {
    ARROW_RETURN_NOT_OK(Set("name", pipeline->name, false));
  }
  for (const YamlPipeline::Setting& setting : pipeline->settings) {
    ARROW_RETURN_NOT_OK(
        At(Set(setting.key, setting.value, false), In(file, setting.where)));
  }
  for (const YamlPipeline::Declared& source : pipeline->sources) {
    const Where where = In(file, source.where);
    ARROW_RETURN_NOT_OK(At(catalog_.AddTable(source.table, false), where));
    // Asked for its columns now, so that what is wrong is shown where it is declared.
    ARROW_RETURN_NOT_OK(At(catalog_.FindTable(source.table.name).status(), where));
  }
  ARROW_RETURN_NOT_OK(
      At(catalog_.AddTable(pipeline->sink, false), In(file, pipeline->sink_where)));
  for (const YamlPipeline::Declared& sink : pipeline->sinks) {
    ARROW_RETURN_NOT_OK(At(catalog_.AddTable(sink.table, false), In(file, sink.where)));
  }

  // A place in the SELECT becomes the place in the file.
  out.locate = [pipeline, file](const Status& status) {
    const ErrorDetail* detail = ErrorDetail::Of(status);
    if (detail == nullptr || !detail->where().file.empty() || detail->where().line < 1)
      return status;
    Where where = detail->where();
    const Where place = pipeline->PlaceInFile(where.line, where.column_number);
    where.file = file;
    where.line = place.line;
    where.column_number = place.column_number;
    return detail->spec().MakeText(std::move(where), detail->values());
  };
  auto statement = sql::ParseStatement(pipeline->select);
  if (!statement.ok()) return out.locate(statement.status());
  const auto* query = std::get_if<sql::QueryStatement>(&(*statement)->node);
  if (query == nullptr || query->query->into) {
    return out.locate(errors::kNotASelect.Make((*statement)->where.ToWhere(), ""));
  }
  sql::InsertStatement insert;
  insert.table = {sql::Identifier{std::string(kPipelineSink), true, {1, 1}}};
  insert.query = query->query;
  auto made = std::make_shared<sql::Statement>();
  made->where = (*statement)->where;
  made->node = std::move(insert);
  out.insert = std::move(made);
  return out;
}

Status Session::ExecutePipeline(std::string_view yaml, const std::string& file,
                                SessionListener& listener) {
  ARROW_ASSIGN_OR_RAISE(Lowered lowered, Lower(yaml, file));
  return Run(*lowered.insert, lowered.locate, listener);
}

void Session::CheckPipeline(std::string_view yaml, const std::string& file,
                            connector::Report& report, std::vector<std::string>& plans) {
  auto lowered = Lower(yaml, file);
  if (!lowered.ok()) {
    report.Error(file, lowered.status());
    return;
  }
  Check(*lowered->insert, file, lowered->locate, report, plans);
}

}  // namespace millrace::engine
