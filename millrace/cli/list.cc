// `millrace connectors` and `millrace functions`: what there is, from the specs that
// validate it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string>

#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"
#include "millrace/connector/registry.h"

namespace millrace::cli {

namespace {

void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string OptionsText(const std::vector<connector::OptionGroup>& groups) {
  std::string out;
  for (const connector::OptionGroup& group : groups) {
    if (group.options.options().empty()) continue;
    out += fmt::format("\n  {}:\n", group.title);
    for (const OptionSpec& option : group.options.options()) {
      std::string kind(OptionTypeName(option.type));
      if (!option.choices.empty())
        kind = fmt::format("{}", fmt::join(option.choices, "|"));
      std::string rest = option.required ? "required"
                         : option.default_value
                             ? "default '" + *option.default_value + "'"
                             : "optional";
      if (!option.environment.empty()) rest += ", environment " + option.environment;
      out += fmt::format("    {:<20} {} ({}, {})\n", option.name, option.doc, kind, rest);
    }
  }
  return out;
}

Status Connectors(const Program& program, const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  if (name.empty()) {
    for (const connector::ConnectorSpec* spec : engine->connectors().all()) {
      Print(fmt::format("{:<12} {:<12} {}\n", spec->name,
                        spec->make_source && spec->make_sink ? "source, sink"
                        : spec->make_source                  ? "source"
                                                             : "sink",
                        spec->doc));
    }
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const connector::ConnectorSpec* spec,
                        engine->connectors().Get(name));
  Print(fmt::format("{}: {}\nguarantee: {}\n", spec->name, spec->doc, spec->guarantee));
  if (spec->make_source) Print("\nas a source" + OptionsText(spec->source_options));
  if (spec->make_sink) Print("\nas a sink" + OptionsText(spec->sink_options));
  return Status::OK();
}

std::string DocText(const expr::FunctionDoc& doc) {
  std::string out = fmt::format("{}\n  {}\n", doc.signature, doc.description);
  if (!doc.aliases.empty())
    out += fmt::format("  also: {}\n", fmt::join(doc.aliases, ", "));
  if (!doc.example.empty()) {
    out += fmt::format("  {}{}\n", doc.example,
                       doc.example_result.empty() ? "" : "  →  " + doc.example_result);
  }
  return out;
}

Status Functions(const Program& program, const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  const expr::FunctionRegistry& functions = engine->functions();
  if (name.empty()) {
    std::map<std::string, std::vector<std::string>> by_category;
    for (const auto* function : functions.scalars()) {
      by_category[function->doc.category].push_back(function->doc.name);
    }
    for (const auto* function : functions.aggregates()) {
      by_category[function->doc.category].push_back(function->doc.name);
    }
    for (const expr::FunctionDoc& form : functions.special_forms()) {
      by_category[form.category].push_back(form.name);
    }
    for (auto& [category, names] : by_category) {
      std::sort(names.begin(), names.end());
      Print(fmt::format("{}: {}\n", category, fmt::join(names, ", ")));
    }
    return Status::OK();
  }
  const auto* scalar = functions.FindScalar(name);
  const auto* aggregate = functions.FindAggregate(name);
  const auto* form = functions.FindSpecialForm(name);
  if (form != nullptr) {
    Print(DocText(*form));
    return Status::OK();
  }
  if (scalar == nullptr && aggregate == nullptr) {
    const std::string near = functions.Nearest(name);
    return errors::kBadArgument.Make(
        {}, "there is no function '{}'{}", name,
        near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
  }
  if (scalar != nullptr) Print(DocText(scalar->doc));
  if (aggregate != nullptr) Print(DocText(aggregate->doc));
  return Status::OK();
}

void AddList(CLI::App& app, Program& program, const char* name, const char* doc,
             const char* example, Status (*list)(const Program&, const std::string&)) {
  auto wanted = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(name, doc);
  command->footer(std::string("Example:\n  ") + example);
  command->add_option("name", *wanted, "Show this one in full");
  command->callback([wanted, list, &program] {
    program.run = [wanted, list, &program] {
      const Status status = list(program, *wanted);
      if (!status.ok()) Terminal(program.talk).Error(status);
      return ExitCodeOf(status);
    };
  });
}

}  // namespace

void AddConnectors(CLI::App& app, Program& program) {
  AddList(app, program, "connectors", "List connectors, or one with its options",
          "millrace connectors files", Connectors);
}

void AddFunctions(CLI::App& app, Program& program) {
  AddList(app, program, "functions", "List SQL functions, or one with its documentation",
          "millrace functions date_trunc", Functions);
}

}  // namespace millrace::cli
