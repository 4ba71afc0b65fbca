#include "millrace/server/protocol.h"

#include <map>

#include <nlohmann/json.hpp>

#include "millrace/server/errors.h"

namespace millrace::server {

namespace {

using Json = nlohmann::ordered_json;

// File names may hold any bytes.
std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ErrorJson(const Status& status) {
  const ErrorDetail* detail = ErrorDetail::Of(status);
  std::string values = status.message();
  if (detail != nullptr) {
    const std::string where = detail->where().ToString();
    values = where.empty() || detail->values().empty() ? where + detail->values()
                                                       : where + ": " + detail->values();
  }
  return {{"number", ErrorNumber(status)},
          {"text", ErrorText(status)},
          {"values", values},
          {"retryable", detail != nullptr && detail->retryable()}};
}

Json StatusJson(const PipelineStatus& status, int64_t now_micros) {
  const RunFigures& figures = status.figures;
  Json out = {{"name", status.name},
              {"file", status.path},
              {"state", PipelineStateName(status.state)},
              {"seconds_in_state", (now_micros - status.since_micros) / 1'000'000},
              {"rows_read", figures.rows_read},
              {"rows_written", figures.rows_written},
              {"rows_per_second", status.rows_per_second},
              {"dead_letters", figures.dead_letters},
              {"restarts", status.restarts}};
  if (figures.checkpoint_epoch > 0) {
    out["checkpoint"] = {
        {"epoch", figures.checkpoint_epoch},
        {"age_seconds",
         static_cast<double>(now_micros - figures.checkpoint_micros) / 1e6}};
  }
  Json connectors = Json::array();
  for (const engine::ConnectorHealth& connector : figures.connectors) {
    Json one = {
        {"name", connector.name},
        {"health", connector::resilience::HealthStateName(connector.health.state)},
        {"failures", connector.health.failures}};
    if (!connector.health.last_error.empty()) {
      one["last_error"] = connector.health.last_error;
    }
    connectors.push_back(std::move(one));
  }
  out["connectors"] = std::move(connectors);
  if (!status.error.ok()) out["error"] = ErrorJson(status.error);
  return out;
}

struct Request {
  std::string verb, pipeline, savepoint, from;
};

Result<Request> Parse(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return errors::kBadRequest.Make({}, "it is no JSON object");
  Request out;
  const std::map<std::string, std::string*> keys = {{"do", &out.verb},
                                                    {"pipeline", &out.pipeline},
                                                    {"savepoint", &out.savepoint},
                                                    {"from", &out.from}};
  for (const auto& [key, value] : json.items()) {
    const auto known = keys.find(key);
    if (known == keys.end()) {
      return errors::kBadRequest.Make({}, "it has an unknown key '{}'", key);
    }
    if (!value.is_string()) return errors::kBadRequest.Make({}, "'{}' is no text", key);
    *known->second = value.get<std::string>();
  }
  return out;
}

Result<Json> Do(Supervisor& supervisor, std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const Request request, Parse(text));
  Json out = {{"ok", true}};
  if (request.verb == "status") {
    ARROW_ASSIGN_OR_RAISE(const auto found, supervisor.Look(request.pipeline));
    const int64_t now = supervisor.clock().WallMicros();
    Json& pipelines = out["pipelines"] = Json::array();
    for (const PipelineStatus& one : found) pipelines.push_back(StatusJson(one, now));
  } else if (request.verb == "start") {
    ARROW_RETURN_NOT_OK(supervisor.Start(request.pipeline, request.from));
  } else if (request.verb == "stop") {
    ARROW_RETURN_NOT_OK(supervisor.Stop(request.pipeline, request.savepoint));
  } else if (request.verb == "checkpoint") {
    ARROW_ASSIGN_OR_RAISE(const int64_t epoch,
                          supervisor.Checkpoint(request.pipeline, request.savepoint));
    out["epoch"] = epoch;
  } else {
    return errors::kBadRequest.Make({}, "it can't do '{}'", request.verb);
  }
  return out;
}

}  // namespace

std::string Refuse(const Status& status) {
  return Text({{"ok", false}, {"error", ErrorJson(status)}});
}

std::string Answer(Supervisor& supervisor, std::string_view request) {
  const auto done = Do(supervisor, request);
  return done.ok() ? Text(*done) : Refuse(done.status());
}

Status StatusOfAnswer(std::string_view answer) {
  const Json json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  const auto no_answer = [&] { return errors::kBadAnswer.Make({}, "it is no JSON"); };
  if (!json.is_object() || !json.contains("ok") || !json["ok"].is_boolean()) {
    return no_answer();
  }
  if (json["ok"].get<bool>()) return Status::OK();
  if (!json.contains("error") || !json["error"].is_object()) return no_answer();
  const Json& error = json["error"];
  const auto text = [&error](const char* key) {
    const auto found = error.find(key);
    return found != error.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const auto number = error.find("number");
  if (number == error.end() || !number->is_number_integer()) return no_answer();
  std::vector<const ErrorSpec*> specs = engine::AllErrors();
  specs.insert(specs.end(), std::begin(errors::kServerErrors),
               std::end(errors::kServerErrors));
  for (const ErrorSpec* spec : specs) {
    if (spec->number == number->get<int64_t>()) {
      return spec->MakeText({}, text("values"));
    }
  }
  return errors::kBadAnswer.Make({}, "{}", text("text"));
}

}  // namespace millrace::server
