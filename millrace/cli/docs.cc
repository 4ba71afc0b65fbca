// `millrace docs DIR`: the pages of the reference that are made from specs, so that they
// can't say anything else than the program does.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"
#include "millrace/connector/registry.h"
#include "millrace/engine/yaml_pipeline.h"
#include "millrace/server/errors.h"

namespace millrace::cli {

namespace {

constexpr const char kMadeBy[] =
    "<!-- Made by `millrace docs`; tools/check_docs.sh compares. Don't edit. -->\n\n";

// Inside a cell of a table.
std::string CellText(std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string Code(const std::string& text) { return "`" + CellText(text) + "`"; }

std::string OptionRows(const ConfigSpec& spec) {
  std::string out =
      "| option | type | default | meaning |\n"
      "|---|---|---|---|\n";
  for (const OptionSpec& option : spec.options()) {
    std::string type(OptionTypeName(option.type));
    if (!option.choices.empty()) {
      type.clear();
      for (const std::string& choice : option.choices)
        type += (type.empty() ? "" : ", ") + Code(choice);
    }
    std::string value = option.required        ? "required"
                        : option.default_value ? Code(*option.default_value)
                                               : "";
    if (option.default_value && option.default_value->empty()) value = "empty";
    std::string doc = CellText(option.doc);
    if (!option.environment.empty())
      doc += fmt::format(" Environment: `{}`.", option.environment);
    if (option.secret) doc += " Secret: never shown.";
    out += fmt::format("| `{}` | {} | {} | {} |\n", option.name, type, value, doc);
  }
  return out;
}

std::string ConnectorsPage(const connector::Registry& connectors) {
  std::string out =
      "# Connectors\n\n" + std::string(kMadeBy) +
      "Options go into `WITH (…)`, into a YAML pipeline, or behind `--from` "
      "and `--to` of `millrace copy`.\n";
  for (const connector::ConnectorSpec* spec : connectors.all()) {
    out +=
        fmt::format("\n## {}\n\n{}\n\n- **Guarantee**: {}\n- **Status**: {}\n",
                    spec->name, spec->doc, spec->guarantee,
                    spec->maturity == connector::Maturity::kStable ? "stable" : "beta");
    auto add = [&](const char* side, const std::vector<connector::OptionGroup>& groups) {
      for (const connector::OptionGroup& group : groups) {
        if (group.options.options().empty()) continue;
        out += group.title == side
                   ? fmt::format("\n### As a {}\n\n", side)
                   : fmt::format("\n### As a {}: {}\n\n", side, group.title);
        out += OptionRows(group.options);
      }
    };
    if (spec->make_source) add("source", spec->source_options);
    if (spec->make_sink) add("sink", spec->sink_options);
  }
  return out;
}

std::string FunctionsPage(const expr::FunctionRegistry& functions) {
  std::map<std::string, std::map<std::string, std::vector<const expr::FunctionDoc*>>>
      categories;
  for (const auto* function : functions.scalars())
    categories[function->doc.category][function->doc.name].push_back(&function->doc);
  for (const auto* function : functions.aggregates())
    categories[function->doc.category][function->doc.name].push_back(&function->doc);
  for (const expr::FunctionDoc& form : functions.special_forms())
    categories[form.category][form.name].push_back(&form);
  std::string out =
      "# Functions\n\n" + std::string(kMadeBy) +
      "NULL in, NULL out, unless the description says otherwise. Every example is run by "
      "a test.\n";
  for (const auto& [category, names] : categories) {
    out += fmt::format("\n## {}\n\n| function | meaning | example |\n|---|---|---|\n",
                       category.empty() ? "other" : category);
    for (const auto& [name, docs] : names) {
      for (const expr::FunctionDoc* doc : docs) {
        std::string meaning = CellText(doc->description);
        for (size_t i = 0; i < doc->aliases.size(); ++i)
          meaning += (i == 0 ? " Also " : ", ") + Code(doc->aliases[i]);
        if (!doc->aliases.empty()) meaning += ".";
        std::string example;
        if (!doc->example.empty()) {
          example = Code(doc->example);
          if (!doc->example_result.empty()) example += " → " + Code(doc->example_result);
        }
        out += fmt::format("| {} | {} | {} |\n", Code(doc->signature), meaning, example);
      }
    }
  }
  return out;
}

std::string ErrorsPage() {
  std::vector<const ErrorSpec*> errors = engine::AllErrors();
  errors.insert(errors.end(), std::begin(errors::kCliErrors),
                std::end(errors::kCliErrors));
  errors.insert(errors.end(), std::begin(errors::kServerErrors),
                std::end(errors::kServerErrors));
  std::sort(errors.begin(), errors.end(),
            [](const ErrorSpec* a, const ErrorSpec* b) { return a->number < b->number; });
  std::string out =
      "# Errors\n\n" + std::string(kMadeBy) +
      "A message reads `MR-number text: where: what`. The number never changes its "
      "meaning.\n\n| number | text | what to do | worth retrying |\n|---|---|---|---|\n";
  for (const ErrorSpec* error : errors) {
    out += fmt::format("| MR-{:04} | {} | {} | {} |\n", error->number,
                       CellText(std::string(error->text)),
                       CellText(std::string(error->remedy)),
                       error->retryable ? "yes" : "no");
  }
  return out;
}

// The help of every command.
std::string CommandsPage() {
  // A table of its own: help of one that has read a command line is that of the command.
  CLI::App app;
  Program program;
  AddCommands(app, program);
  std::string out =
      "# Command line\n\n" + std::string(kMadeBy) +
      "Results go to standard output, everything else to standard error. "
      "Exit codes: 0 done, 1 failed,\n2 bad usage or configuration, 130 "
      "interrupted; then what is visible is what checkpoints had committed, "
      "without them\nnothing.\n";
  auto add = [&out](const std::string& title, const std::string& help) {
    out += fmt::format("\n## {}\n\n```\n{}", title, help);
    while (out.ends_with("\n\n")) out.pop_back();
    out += "```\n";
  };
  add("millrace", app.help());
  for (const CLI::App* command : app.get_subcommands(
           [](const CLI::App* sub) { return !sub->get_group().empty(); })) {
    add("millrace " + command->get_name(), command->help("millrace"));
    for (const CLI::App* verb :
         command->get_subcommands([](const CLI::App*) { return true; })) {
      const std::string words = "millrace " + command->get_name();
      add(words + " " + verb->get_name(), verb->help(words));
    }
  }
  return out;
}

Status WriteText(const std::filesystem::path& path, const std::string& text) {
  std::error_code code;
  std::filesystem::create_directories(path.parent_path(), code);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return errors::kCannotWriteText.Make({.file = path.string()}, "");
  return Status::OK();
}

Status WriteDocs(const Program& program, const std::string& folder) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  const std::filesystem::path root(folder);
  const std::filesystem::path pages = root / "docs" / "reference";
  ARROW_RETURN_NOT_OK(
      WriteText(pages / "connectors.md", ConnectorsPage(engine->connectors())));
  ARROW_RETURN_NOT_OK(
      WriteText(pages / "functions.md", FunctionsPage(engine->functions())));
  ARROW_RETURN_NOT_OK(WriteText(pages / "errors.md", ErrorsPage()));
  ARROW_RETURN_NOT_OK(WriteText(pages / "cli.md", CommandsPage()));
  return WriteText(root / "api" / "pipeline.schema.json",
                   engine::PipelineJsonSchema(engine->connectors()));
}

}  // namespace

void AddDocs(CLI::App& app, Program& program) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "docs", "Write the generated pages below DIR: docs/reference and api");
  command->group("");
  command->add_option("dir", *folder, "Folder of the project")->required();
  command->callback([folder, &program] {
    program.run = [folder, &program] {
      const Status status = WriteDocs(program, *folder);
      if (!status.ok()) Terminal(program.talk).Error(status);
      return ExitCodeOf(status);
    };
  });
}

}  // namespace millrace::cli
