#include "millrace/engine/yaml_pipeline.h"
#include "millrace/plan/time_options.h"

#include <algorithm>

#include <arrow/type.h>
#include <yaml-cpp/yaml.h>

#include "millrace/connector/errors.h"
#include "millrace/engine/errors.h"
#include "millrace/sql/parser.h"

namespace millrace::engine {

namespace {

using Names = std::vector<std::string>;

std::string Lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string DidYouMean(const std::string& name, const Names& names) {
  const std::string near = NearestName(name, names);
  return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t end = text.find('\n');
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

// One entry of a mapping.
struct Entry {
  std::string key;
  Where where;  // of the key
  YAML::Node value;
};

// Reads one document. Nodes are only asked for what their kind has, so that the YAML
// library has no reason to throw; what it throws all the same is caught by the caller.
class Reader {
 public:
  Reader(std::string_view text, const connector::Registry& connectors)
      : lines_(Lines(text)), connectors_(connectors) {}

  Result<YamlPipeline> Read(const YAML::Node& root) {
    ARROW_ASSIGN_OR_RAISE(auto entries, Entries(root, "a pipeline"));
    const Names keys = {"name", "source", "sources", "sql", "sink", "sinks", "settings"};
    for (const Entry& entry : entries) {
      Status status;
      if (entry.key == "name") {
        ARROW_ASSIGN_OR_RAISE(out_.name, Text(entry.value, "name"));
      } else if (entry.key == "source" || entry.key == "sources") {
        if (!out_.sources.empty()) {
          return errors::kPipelineKey.Make(entry.where,
                                           "'source' and 'sources' can't both be there");
        }
        status = entry.key == "source" ? ReadSource("source", entry.where, entry.value)
                                       : ReadSources(entry);
      } else if (entry.key == "sql") {
        ARROW_ASSIGN_OR_RAISE(out_.select, Text(entry.value, "sql"));
        RememberSelect(entry.value);
      } else if (entry.key == "sink") {
        out_.sink_where = entry.where;
        out_.sink.name = kPipelineSink;
        out_.sink.can_read = false;
        status = ReadTable(entry.value, entry.where, false, &out_.sink);
      } else if (entry.key == "sinks") {
        status = ReadSinks(entry);
      } else if (entry.key == "settings") {
        status = ReadSettings(entry.value);
      } else {
        return UnknownKey(entry, keys);
      }
      ARROW_RETURN_NOT_OK(status);
    }
    const Where where = At(root);
    if (out_.sources.empty())
      return errors::kPipelineMissing.Make(where, "'source' or 'sources'");
    if (out_.sink.name.empty()) return errors::kPipelineMissing.Make(where, "'sink'");
    if (out_.select.empty()) {
      if (out_.sources.size() > 1) {
        return errors::kPipelineMissing.Make(
            where, "'sql': with several sources a SELECT has to say what is written");
      }
      out_.select = "SELECT * FROM \"" + out_.sources[0].table.name + "\"";
      out_.select_where = out_.sources[0].where;
    }
    return std::move(out_);
  }

  Where At(const YAML::Node& node) const { return At(node.Mark()); }
  Where At(const YAML::Mark& mark) const {
    if (mark.is_null()) return Where{.line = 1, .column_number = 1};
    // The library counts bytes, people count characters.
    const std::string_view before = LineOf(mark).substr(0, ColumnOf(mark));
    const auto characters = std::count_if(before.begin(), before.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    return Where{.line = mark.line + 1,
                 .column_number = static_cast<int32_t>(characters) + 1};
  }

 private:
  // The library may have recoded the text, so its places are not trusted to lie in it.
  std::string_view LineOf(const YAML::Mark& mark) const {
    const auto line = static_cast<size_t>(mark.line);
    return mark.is_null() || line >= lines_.size() ? std::string_view() : lines_[line];
  }
  size_t ColumnOf(const YAML::Mark& mark) const {
    return mark.is_null()
               ? 0
               : std::min(static_cast<size_t>(mark.column), LineOf(mark).size());
  }
  std::string_view TextAt(const YAML::Mark& mark) const {
    return LineOf(mark).substr(ColumnOf(mark));
  }

  Status UnknownKey(const Entry& entry, const Names& keys) const {
    return errors::kPipelineKey.Make(entry.where, "'{}'; keys are: {}{}", entry.key,
                                     fmt::join(keys, ", "), DidYouMean(entry.key, keys));
  }

  // Written as the word null: to YAML no text, but the name of an option of ours.
  bool IsWordNull(const YAML::Node& node) const {
    return node.IsNull() && TextAt(node.Mark()).starts_with("null");
  }

  Result<std::vector<Entry>> Entries(const YAML::Node& node,
                                     std::string_view what) const {
    if (!node.IsMap()) {
      return errors::kPipelineValue.Make(At(node), "{} is a mapping of keys to values",
                                         what);
    }
    std::vector<Entry> out;
    for (const auto& pair : node) {
      const Where where = At(pair.first);
      if (!pair.first.IsScalar() && !IsWordNull(pair.first))
        return errors::kPipelineKey.Make(where, "a key is a word");
      const std::string key = pair.first.IsNull() ? "null" : pair.first.Scalar();
      for (const Entry& known : out) {
        if (known.key == key)
          return errors::kPipelineKey.Make(where, "'{}' is given twice", key);
      }
      out.push_back({key, where, pair.second});
    }
    return out;
  }

  Result<std::string> Text(const YAML::Node& node, std::string_view what) const {
    if (!node.IsScalar() || node.Scalar().empty()) {
      return errors::kPipelineValue.Make(At(node), "'{}' is a text that is not empty",
                                         what);
    }
    return node.Scalar();
  }

  // An option as WITH (…) would give it; a sequence is a comma separated list.
  Result<std::string> OptionText(const Entry& entry) const {
    if (entry.value.IsScalar()) return entry.value.Scalar();
    if (entry.value.IsSequence()) {
      Names items;
      for (const auto& item : entry.value) {
        if (!item.IsScalar()) {
          return errors::kPipelineValue.Make(At(item), "'{}' is a list of plain values",
                                             entry.key);
        }
        items.push_back(item.Scalar());
      }
      return fmt::format("{}", fmt::join(items, ","));
    }
    return errors::kPipelineValue.Make(
        At(entry.value), "'{}' has no plain value; the text null needs quotes",
        entry.key);
  }

  Status ReadSources(const Entry& sources) {
    ARROW_ASSIGN_OR_RAISE(auto entries, Entries(sources.value, "'sources'"));
    for (const Entry& entry : entries) {
      ARROW_RETURN_NOT_OK(ReadSource(entry.key, entry.where, entry.value));
    }
    return Status::OK();
  }

  Status CheckName(const std::string& name, const Where& where,
                   std::string_view what) const {
    if (Lowered(name) == kPipelineSink) {
      return errors::kPipelineKey.Make(where, "'{}' is the destination's name", name);
    }
    if (name.empty() || name.find('"') != std::string::npos)
      return errors::kPipelineKey.Make(where, "'{}' is no name for a {}", name, what);
    return Status::OK();
  }

  Status ReadSinks(const Entry& sinks) {
    ARROW_ASSIGN_OR_RAISE(auto entries, Entries(sinks.value, "'sinks'"));
    for (const Entry& entry : entries) {
      ARROW_RETURN_NOT_OK(CheckName(entry.key, entry.where, "sink"));
      YamlPipeline::Declared sink;
      sink.where = entry.where;
      sink.table.name = entry.key;
      sink.table.can_read = false;
      ARROW_RETURN_NOT_OK(ReadTable(entry.value, entry.where, false, &sink.table));
      out_.sinks.push_back(std::move(sink));
    }
    return Status::OK();
  }

  Status ReadSource(const std::string& name, const Where& where, const YAML::Node& node) {
    ARROW_RETURN_NOT_OK(CheckName(name, where, "source"));
    YamlPipeline::Declared source;
    source.where = where;
    source.table.name = name;
    source.table.can_write = false;
    ARROW_RETURN_NOT_OK(ReadTable(node, where, true, &source.table));
    out_.sources.push_back(std::move(source));
    return Status::OK();
  }

  Status ReadTable(const YAML::Node& node, const Where& where, bool source,
                   plan::Table* table) {
    const std::string what = source ? fmt::format("source '{}'", table->name)
                             : table->name == kPipelineSink
                                 ? std::string("'sink'")
                                 : fmt::format("sink '{}'", table->name);
    ARROW_ASSIGN_OR_RAISE(auto entries, Entries(node, what));
    const connector::ConnectorSpec* spec = nullptr;
    for (const Entry& entry : entries) {
      if (entry.key != "connector") continue;
      ARROW_ASSIGN_OR_RAISE(table->connector, Text(entry.value, "connector"));
      auto found = connectors_.Get(table->connector);
      if (!found.ok()) return WithWhere(found.status(), At(entry.value));
      spec = *found;
      if (source && !spec->make_source)
        return errors::kNotASource.Make(At(entry.value), "'{}'", spec->name);
      if (!source && !spec->make_sink)
        return errors::kNotASink.Make(At(entry.value), "'{}'", spec->name);
    }
    if (spec == nullptr)
      return errors::kPipelineMissing.Make(where, "'connector' of {}", what);
    const Entry* watermark = nullptr;
    for (const Entry& entry : entries) {
      if (entry.key == "connector") continue;
      if (source && entry.key == "columns") {
        ARROW_RETURN_NOT_OK(ReadColumns(entry.value, table));
      } else if (!source && entry.key == "validate") {
        ARROW_RETURN_NOT_OK(ReadChecks(entry.value, table));
      } else if (source && entry.key == "watermark") {
        watermark = &entry;
      } else {
        ARROW_RETURN_NOT_OK(ReadOption(entry, *spec, source, table));
      }
    }
    if (watermark != nullptr) ARROW_RETURN_NOT_OK(ReadWatermark(*watermark, table));
    return source ? WithWhere(plan::SetWatermark(table), where) : Status::OK();
  }

  // An option has to be one of the connector's, with a value that its type takes. Which
  // options go together the connector says itself, when it is made.
  Status ReadOption(const Entry& entry, const connector::ConnectorSpec& spec, bool source,
                    plan::Table* table) {
    Names names = {"connector"};
    if (source) {
      names.insert(names.end(), {"columns", "watermark"});
    } else {
      names.push_back("validate");
    }
    Status refused;
    bool fits = false;
    std::string choices;  // of each format that has such an option
    int specs = 0;
    ARROW_ASSIGN_OR_RAISE(std::string text, OptionText(entry));
    for (const auto& group : source ? spec.source_options : spec.sink_options) {
      for (const OptionSpec& option : group.options.options()) {
        names.push_back(option.name);
        if (ConfigSpec({option}).Find(entry.key) == nullptr) continue;
        ++specs;
        if (!option.choices.empty()) {
          choices +=
              fmt::format("; {}: {}", group.title, fmt::join(option.choices, ", "));
        }
        const Status status =
            ConfigSpec({option})
                .Parse(fmt::format("connector '{}'", spec.name), {{entry.key, text}}, {})
                .status();
        if (status.ok()) {
          fits = true;
        } else {
          refused = status;
        }
      }
    }
    if (specs == 0) {
      return errors::kUnknownOption.Make(entry.where, "'{}' of connector '{}'{}",
                                         entry.key, spec.name,
                                         DidYouMean(entry.key, names));
    }
    // Formats differ in what an option of theirs may be, and which it is only the
    // connector knows.
    if (!fits && specs > 1 && !choices.empty()) {
      return errors::kBadOption.Make(At(entry.value),
                                     "connector '{}': option '{}': '{}' fits no format{}",
                                     spec.name, entry.key, text, choices);
    }
    if (!fits) return WithWhere(refused, At(entry.value));
    table->options[Lowered(entry.key)] = std::move(text);
    return Status::OK();
  }

  // A sequence of {name, type}, or a mapping of names to types.
  Status ReadColumns(const YAML::Node& node, plan::Table* table) {
    arrow::FieldVector fields;
    auto add = [&](const YAML::Node& name, const YAML::Node& type) -> Status {
      ARROW_ASSIGN_OR_RAISE(std::string text, Text(name, "name"));
      for (const auto& field : fields) {
        if (Lowered(field->name()) == Lowered(text))
          return errors::kPipelineValue.Make(At(name), "column '{}' is given twice",
                                             text);
      }
      ARROW_ASSIGN_OR_RAISE(std::string type_text, Text(type, "type"));
      auto parsed = sql::ParseType(type_text);
      if (!parsed.ok()) {
        // Where the type begins; a place inside its few letters says no more.
        const ErrorDetail* detail = ErrorDetail::Of(parsed.status());
        return detail == nullptr ? parsed.status()
                                 : detail->spec().MakeText(At(type), detail->values());
      }
      fields.push_back(arrow::field(text, *parsed));
      return Status::OK();
    };
    if (node.IsMap()) {
      for (const auto& pair : node) ARROW_RETURN_NOT_OK(add(pair.first, pair.second));
    } else if (node.IsSequence()) {
      for (const auto& item : node) {
        ARROW_ASSIGN_OR_RAISE(auto entries, Entries(item, "a column"));
        const Entry *name = nullptr, *type = nullptr;
        for (const Entry& entry : entries) {
          if (entry.key == "name") {
            name = &entry;
          } else if (entry.key == "type") {
            type = &entry;
          } else {
            return UnknownKey(entry, {"name", "type"});
          }
        }
        if (name == nullptr || type == nullptr) {
          return errors::kPipelineMissing.Make(At(item), "'{}' of a column",
                                               name == nullptr ? "name" : "type");
        }
        ARROW_RETURN_NOT_OK(add(name->value, type->value));
      }
    }
    if (fields.empty()) {
      return errors::kPipelineValue.Make(
          At(node),
          "'columns' is a list of {{name, type}} or a mapping of names to "
          "types, and not empty");
    }
    table->schema = arrow::schema(std::move(fields));
    table->declared = true;
    return Status::OK();
  }

  // A list of conditions, or a mapping of names to conditions.
  Status ReadChecks(const YAML::Node& node, plan::Table* table) {
    auto add = [&](const std::string& name, const YAML::Node& condition) -> Status {
      ARROW_ASSIGN_OR_RAISE(std::string text, Text(condition, "validate"));
      auto parsed = sql::ParseExpression(text);
      if (!parsed.ok()) {
        const ErrorDetail* detail = ErrorDetail::Of(parsed.status());
        return detail == nullptr
                   ? parsed.status()
                   : detail->spec().MakeText(At(condition), detail->values());
      }
      table->checks.push_back({name, std::move(text)});
      return Status::OK();
    };
    if (node.IsMap()) {
      ARROW_ASSIGN_OR_RAISE(auto entries, Entries(node, "'validate'"));
      for (const Entry& entry : entries) ARROW_RETURN_NOT_OK(add(entry.key, entry.value));
    } else if (node.IsSequence()) {
      for (const auto& item : node) ARROW_RETURN_NOT_OK(add("", item));
    }
    if (table->checks.empty()) {
      return errors::kPipelineValue.Make(
          At(node),
          "'validate' is a list of conditions or a mapping of names to conditions, and "
          "not empty");
    }
    return Status::OK();
  }

  Status ReadWatermark(const Entry& watermark, plan::Table* table) {
    ARROW_ASSIGN_OR_RAISE(auto entries, Entries(watermark.value, "'watermark'"));
    if (table->schema == nullptr) {
      return errors::kPipelineMissing.Make(watermark.where,
                                           "'columns', which a watermark needs");
    }
    plan::WatermarkSpec spec;
    for (const Entry& entry : entries) {
      if (entry.key == "column") {
        ARROW_ASSIGN_OR_RAISE(std::string name, Text(entry.value, "column"));
        const Names names = table->schema->field_names();
        for (size_t i = 0; i < names.size(); ++i) {
          if (Lowered(names[i]) == Lowered(name)) spec.column = static_cast<int>(i);
        }
        if (spec.column < 0) {
          return errors::kPipelineValue.Make(At(entry.value), "there is no column '{}'{}",
                                             name, DidYouMean(name, names));
        }
        if (table->schema->field(spec.column)->type()->id() != arrow::Type::TIMESTAMP) {
          return errors::kPipelineValue.Make(At(entry.value),
                                             "a watermark needs a TIMESTAMP column");
        }
      } else if (entry.key == "delay") {
        ARROW_ASSIGN_OR_RAISE(std::string text, Text(entry.value, "delay"));
        auto nanos = ParseDuration(text);
        if (!nanos.ok() || *nanos < 0) {
          return errors::kPipelineValue.Make(
              At(entry.value), "'{}' is no duration such as 250ms, 5s, 10m", text);
        }
        spec.delay_micros = *nanos / 1000;
      } else {
        return UnknownKey(entry, {"column", "delay"});
      }
    }
    if (spec.column < 0)
      return errors::kPipelineMissing.Make(watermark.where, "'column' of 'watermark'");
    table->watermark = spec;
    return Status::OK();
  }

  Status ReadSettings(const YAML::Node& node) {
    ARROW_ASSIGN_OR_RAISE(auto entries, Entries(node, "'settings'"));
    for (const Entry& entry : entries) {
      ARROW_ASSIGN_OR_RAISE(std::string text, Text(entry.value, entry.key));
      out_.settings.push_back({entry.key, std::move(text), entry.where});
    }
    return Status::OK();
  }

  // Find out how the lines of the SELECT stand in the file, so that an error in it can
  // be shown where the user wrote it.
  void RememberSelect(const YAML::Node& node) {
    out_.select_where = At(node);
    const std::string_view rest = TextAt(node.Mark());
    const auto line = static_cast<size_t>(std::max(node.Mark().line, 0));
    const bool quoted = !rest.empty() && (rest[0] == '"' || rest[0] == '\'');
    if (rest.substr(quoted ? 1 : 0).starts_with(out_.select)) {
      out_.layout = YamlPipeline::Layout::kExact;
      if (quoted) ++out_.select_where.column_number;
      return;
    }
    if (!rest.starts_with("|")) return;
    const auto wanted = Lines(out_.select);
    std::vector<int32_t> indents;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i].empty()) {
        indents.push_back(0);
        continue;
      }
      if (line + 1 + i >= lines_.size()) return;
      std::string_view written = lines_[line + 1 + i];
      if (written.ends_with('\r')) written.remove_suffix(1);
      if (!written.ends_with(wanted[i])) return;
      indents.push_back(static_cast<int32_t>(written.size() - wanted[i].size()));
    }
    out_.layout = YamlPipeline::Layout::kIndented;
    out_.select_indents = std::move(indents);
  }

  const std::vector<std::string_view> lines_;
  const connector::Registry& connectors_;
  YamlPipeline out_;
};

}  // namespace

Where YamlPipeline::PlaceInFile(int32_t line, int32_t column) const {
  Where out = select_where;
  if (layout == Layout::kExact && line == 1) {
    out.column_number += column - 1;
  } else if (layout == Layout::kIndented && line >= 1 &&
             static_cast<size_t>(line) <= select_indents.size()) {
    out.line += line;
    out.column_number = column + select_indents[static_cast<size_t>(line) - 1];
  }
  return out;
}

Result<YamlPipeline> ParseYamlPipeline(std::string_view text,
                                       const connector::Registry& connectors) {
  Reader reader(text, connectors);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() != 1) {
      return errors::kPipelineSyntax.Make(
          {.line = 1}, "it holds {} documents, a pipeline is one", documents.size());
    }
    return reader.Read(documents[0]);
  } catch (const YAML::Exception& error) {
    return errors::kPipelineSyntax.Make(reader.At(error.mark), "{}", error.msg);
  }
}

bool IsYamlPath(std::string_view path) {
  const std::string name = Lowered(std::string(path));
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

}  // namespace millrace::engine
