// The JSON Schema of pipeline files, generated from the specs that check them.
#include <map>

#include <nlohmann/json.hpp>

#include "millrace/engine/settings.h"
#include "millrace/engine/yaml_pipeline.h"

namespace millrace::engine {

namespace {

using Json = nlohmann::ordered_json;

// A ${variable} stands for any value: it is replaced before the file is read.
Json OrVariable(Json type) {
  return {{"anyOf", Json::array({std::move(type), {{"$ref", "#/$defs/variable"}}})}};
}

Json TypeSchema(const OptionSpec& option) {
  switch (option.type) {
    case OptionType::kBool:
      return OrVariable(
          {{"enum",
            {true, false, "true", "false", "yes", "no", "on", "off", "1", "0", 1, 0}}});
    case OptionType::kInt: return OrVariable({{"type", "integer"}});
    case OptionType::kDouble: return OrVariable({{"type", "number"}});
    case OptionType::kBytes: return {{"$ref", "#/$defs/size"}};
    case OptionType::kDuration: return {{"$ref", "#/$defs/duration"}};
    case OptionType::kEnum: return OrVariable({{"enum", option.choices}});
    case OptionType::kChar:
      return OrVariable(
          {{"type", "string"}, {"pattern", "^([^\\u0080-\\uffff]|tab|\\\\t)$"}});
    case OptionType::kList:
      return {{"anyOf", Json::array({{{"$ref", "#/$defs/scalar"}},
                                     {{"type", "array"},
                                      {"items", {{"$ref", "#/$defs/scalar"}}}}})}};
    case OptionType::kString: break;
  }
  return {{"$ref", "#/$defs/scalar"}};
}

Json OptionSchema(const OptionSpec& option, const std::string& group) {
  Json out = {{"description", option.doc}, {"title", group}};
  if (option.default_value) out["default"] = *option.default_value;
  out.update(TypeSchema(option));
  return out;
}

// Dots as regular expressions have them.
std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '.' ? std::string("\\.") : std::string(1, c);
  return out;
}

// One connector on one side. An option that several formats have may be written as any of
// them takes it.
Json ConnectorSchema(const connector::ConnectorSpec& spec, bool source) {
  std::map<std::string, Json> variants;
  std::vector<std::string> order, required = {"connector"};
  for (const auto& group : source ? spec.source_options : spec.sink_options) {
    for (const OptionSpec& option : group.options.options()) {
      Json& all = variants[option.name];
      if (all.is_null()) {
        all = Json::array();
        order.push_back(option.name);
      }
      all.push_back(OptionSchema(option, group.title));
      // What a format requires is required where that format is read or written.
      const bool own = group.title == (source ? "source" : "sink");
      if (own && option.required && option.environment.empty())
        required.push_back(option.name);
    }
  }
  Json patterns = Json::object();
  Json properties = {{"connector", {{"const", spec.name}, {"description", spec.doc}}}};
  for (const std::string& name : order) {
    Json& all = variants[name];
    const Json schema = all.size() == 1 ? all[0] : Json{{"anyOf", all}};
    // "fields.<column>.kind" is one option for each column.
    const size_t open = name.find('<'), close = name.find('>');
    if (open == std::string::npos || close == std::string::npos) {
      properties[name] = schema;
    } else {
      patterns["^" + Escaped(name.substr(0, open)) + ".+" +
               Escaped(name.substr(close + 1)) + "$"] = schema;
    }
  }
  if (source) {
    properties["columns"] = {{"$ref", "#/$defs/columns"}};
    properties["watermark"] = {{"$ref", "#/$defs/watermark"}};
  }
  if (!source) properties["validate"] = {{"$ref", "#/$defs/validate"}};
  Json out = {{"type", "object"},
              {"description", spec.doc},
              {"properties", properties},
              {"required", required},
              {"additionalProperties", false}};
  if (!patterns.empty()) out["patternProperties"] = patterns;
  return out;
}

Json Definitions() {
  const Json type = {{"type", "string"},
                     {"description", "A SQL type: BIGINT, VARCHAR, DECIMAL(10, 2), …"}};
  return {
      {"variable", {{"type", "string"}, {"pattern", "\\$\\{[^}]+\\}"}}},
      {"scalar", {{"type", {"string", "number", "boolean"}}}},
      {"size",
       {{"description", "Bytes: 4096, 64KiB, 10MB"},
        {"anyOf",
         Json::array({{{"type", "integer"}, {"minimum", 0}},
                      {{"type", "string"},
                       {"pattern", "^\\s*[0-9.]+\\s*([kKmMgGtT]?[iI]?[bB]?)\\s*$"}},
                      {{"$ref", "#/$defs/variable"}}})}}},
      {"duration",
       {{"description", "250ms, 5s, 10m, 1h, 2d"},
        {"anyOf",
         Json::array({{{"type", "string"}, {"pattern", "^\\s*[0-9.]+\\s*[a-z]*\\s*$"}},
                      {{"$ref", "#/$defs/variable"}}})}}},
      {"columns",
       {{"description", "Names and types of the columns; inferred when absent."},
        {"anyOf",
         Json::array({{{"type", "array"},
                       {"minItems", 1},
                       {"items",
                        {{"type", "object"},
                         {"properties", {{"name", {{"type", "string"}}}, {"type", type}}},
                         {"required", {"name", "type"}},
                         {"additionalProperties", false}}}},
                      {{"type", "object"},
                       {"minProperties", 1},
                       {"additionalProperties", type}}})}}},
      {"validate",
       {{"description",
         "Conditions that every row has to satisfy, perhaps by name; on_invalid says "
         "what "
         "happens to others."},
        {"anyOf",
         Json::array(
             {{{"type", "array"}, {"minItems", 1}, {"items", {{"type", "string"}}}},
              {{"type", "object"},
               {"minProperties", 1},
               {"additionalProperties", {{"type", "string"}}}}})}}},
      {"watermark",
       {{"description",
         "Rows with a time up to max(column) - delay are complete. Needs columns."},
        {"type", "object"},
        {"properties",
         {{"column", {{"type", "string"}}}, {"delay", {{"$ref", "#/$defs/duration"}}}}},
        {"required", {"column"}},
        {"additionalProperties", false}}}};
}

Json SettingsSchema() {
  Json out = Json::object();
  for (const OptionSpec& option : SettingsSpec().options()) {
    Json& schema = out[option.name] = OptionSchema(option, "settings");
    if (const auto range = SettingRange(option.name)) {
      schema.update(OrVariable(
          {{"type", "integer"}, {"minimum", range->first}, {"maximum", range->second}}));
    }
  }
  return out;
}

}  // namespace

std::string PipelineJsonSchema(const connector::Registry& connectors) {
  Json definitions = Definitions();
  Json sources = Json::array(), sinks = Json::array();
  for (const connector::ConnectorSpec* spec : connectors.all()) {
    if (spec->make_source) {
      definitions["source_" + spec->name] = ConnectorSchema(*spec, true);
      sources.push_back({{"$ref", "#/$defs/source_" + spec->name}});
    }
    if (spec->make_sink) {
      definitions["sink_" + spec->name] = ConnectorSchema(*spec, false);
      sinks.push_back({{"$ref", "#/$defs/sink_" + spec->name}});
    }
  }
  definitions["source"] = {{"anyOf", sources}};
  definitions["sink"] = {{"anyOf", sinks}};
  const Json schema = {
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "Millrace pipeline"},
      {"type", "object"},
      {"properties",
       {{"name", {{"type", "string"}, {"description", "Name of the pipeline."}}},
        {"source", {{"$ref", "#/$defs/source"}}},
        {"sources",
         {{"type", "object"},
          {"minProperties", 1},
          {"propertyNames", {{"not", {{"const", std::string(kPipelineSink)}}}}},
          {"additionalProperties", {{"$ref", "#/$defs/source"}}}}},
        {"sql",
         {{"type", "string"},
          {"description",
           "A SELECT over the sources; SELECT * of the one source when absent."}}},
        {"sink", {{"$ref", "#/$defs/sink"}}},
        {"sinks",
         {{"type", "object"},
          {"description", "More sinks, by names that settings can give: dead_letters."},
          {"minProperties", 1},
          {"propertyNames", {{"not", {{"const", std::string(kPipelineSink)}}}}},
          {"additionalProperties", {{"$ref", "#/$defs/sink"}}}}},
        {"settings",
         {{"type", "object"},
          {"properties", SettingsSchema()},
          {"additionalProperties", false}}}}},
      {"required", {"sink"}},
      {"oneOf", Json::array({{{"required", {"source"}}},
                             {{"required", {"sources", "sql"}}},
                             {{"required", {"sources"}},
                              {"properties", {{"sources", {{"maxProperties", 1}}}}},
                              {"not", {{"required", {"sql"}}}}}})},
      {"additionalProperties", false},
      {"$defs", definitions}};
  return schema.dump(2) + "\n";
}

}  // namespace millrace::engine
