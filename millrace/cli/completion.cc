// `millrace completion`: scripts for shells, made from the same table of commands and
// options that reads the command line.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/cli/choices.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"

namespace millrace::cli {

namespace {

struct Word {
  std::string name;  // with its dashes
  std::string doc;
  bool takes_value = false;
  std::string choices;  // of its value, parted by spaces; empty: anything
};

struct Command {
  std::string name, doc;
  std::vector<Word> options;
  std::string arguments;  // what may stand behind it, parted by spaces; empty: files
};

// What a command's own argument may be, where there is a list.
std::string ArgumentsOf(const std::string& command, const engine::Engine& engine) {
  std::vector<std::string> names;
  if (command == "connectors") {
    for (const auto* connector : engine.connectors().all())
      names.push_back(connector->name);
  } else if (command == "functions") {
    for (const auto* function : engine.functions().scalars())
      names.push_back(function->doc.name);
    for (const auto* function : engine.functions().aggregates())
      names.push_back(function->doc.name);
  } else if (command == "completion") {
    names = {"bash", "zsh", "fish"};
  } else if (command == "dead-letters") {
    names = {"list", "show", "replay"};
  }
  return fmt::format("{}", fmt::join(names, " "));
}

std::string ChoicesOf(const CLI::Option& option) {
  // CLI11 gives validators out by name only through a reference that may not be const.
  std::string list;
  try {
    list = const_cast<CLI::Option&>(option).get_validator(kChoices)->get_description();
  } catch (const CLI::OptionNotFound&) {
    return "";
  }
  std::replace(list.begin(), list.end(), '|', ' ');
  return list;
}

void AddOptions(const CLI::App& app, std::vector<Word>& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    const bool takes = option->get_items_expected_max() > 0;
    auto add = [&](const std::string& name) {
      // A command has options of its own and those of the program, --help in both.
      for (const Word& known : out) {
        if (known.name == name) return;
      }
      out.push_back({name, option->get_description(), takes, ChoicesOf(*option)});
    };
    for (const std::string& name : option->get_lnames()) add("--" + name);
    for (const std::string& name : option->get_snames()) add("-" + name);
  }
}

std::vector<Command> Commands(const CLI::App& app, const engine::Engine& engine) {
  std::vector<Command> out;
  for (const CLI::App* sub : app.get_subcommands(
           [](const CLI::App* command) { return !command->get_group().empty(); })) {
    Command command{sub->get_name(),
                    sub->get_description(),
                    {},
                    ArgumentsOf(sub->get_name(), engine)};
    AddOptions(*sub, command.options);
    // Options of the program may stand behind the command too.
    AddOptions(app, command.options);
    out.push_back(std::move(command));
  }
  return out;
}

std::string Names(const std::vector<Word>& words) {
  std::string out;
  for (const Word& word : words) out += (out.empty() ? "" : " ") + word.name;
  return out;
}

// Inside single quotes of a shell.
std::string Quoted(std::string text, std::string_view also = "") {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (also.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out + "'";
}

std::string Bash(const CLI::App& app, const engine::Engine& engine) {
  std::vector<Word> own;
  AddOptions(app, own);
  std::string names = Names(own), cases, values;
  std::string any;
  std::set<std::string> known;
  auto add_values = [&](const std::string& pattern, const Word& word) {
    if (word.choices.empty() || !known.insert(pattern).second) return;
    values += fmt::format("    {}) values={} ;;\n", pattern, Quoted(word.choices));
  };
  for (const Command& command : Commands(app, engine)) {
    names += " " + command.name;
    any += (any.empty() ? "" : "|") + command.name;
    cases += fmt::format("    {}) words={} arguments={} ;;\n", command.name,
                         Quoted(Names(command.options)), Quoted(command.arguments));
    for (const Word& word : command.options) {
      add_values(fmt::format("{},{}", command.name, word.name), word);
    }
  }
  for (const Word& word : own) add_values("," + word.name, word);
  return fmt::format(
      "# bash completion of millrace: source <(millrace completion bash)\n"
      "_millrace() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local command= words= arguments= values= word\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case $word in {}) command=$word; break ;; esac\n"
      "  done\n"
      "  case $command in\n"
      "{}"
      "    *) words={} ;;\n"
      "  esac\n"
      "  case $command,$before in\n"
      "{}"
      "  esac\n"
      "  # Files are bash's own to complete.\n"
      "  if [[ -n $values ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$values\" -- \"$current\"))\n"
      "  elif [[ -z $command || $current == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  elif [[ -n $arguments ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$arguments\" -- \"$current\"))\n"
      "  fi\n"
      "}}\n"
      "complete -o default -F _millrace millrace\n",
      any, cases, Quoted(names), values);
}

// What zsh offers for a value or an argument.
std::string ZshValues(const std::string& choices) {
  return choices.empty() ? "_files" : "(" + choices + ")";
}

std::string ZshOptions(const std::vector<Word>& options) {
  std::string out;
  for (const Word& word : options) {
    out += fmt::format(
        " \\\n        {}",
        Quoted(fmt::format("{}[{}]{}", word.name, word.doc,
                           word.takes_value ? ":value:" + ZshValues(word.choices) : "")));
  }
  return out;
}

std::string Zsh(const CLI::App& app, const engine::Engine& engine) {
  std::vector<Word> own;
  AddOptions(app, own);
  std::string list, cases;
  for (const Command& command : Commands(app, engine)) {
    list += fmt::format("    {}\n", Quoted(command.name + ":" + command.doc));
    cases += fmt::format(
        "      {})\n        _arguments{} \\\n        '*:argument:{}' ;;\n", command.name,
        ZshOptions(command.options), ZshValues(command.arguments));
  }
  return fmt::format(
      "#compdef millrace\n"
      "# zsh completion of millrace: put it into a folder of $fpath as _millrace\n"
      "_millrace() {{\n"
      "  local -a commands\n"
      "  commands=(\n{}  )\n"
      "  _arguments -C{} \\\n        '1:command:->command' '*::argument:->argument'\n"
      "  case $state in\n"
      "    command) _describe command commands ;;\n"
      "    argument)\n"
      "      case $words[1] in\n{}      esac ;;\n"
      "  esac\n"
      "}}\n"
      "if [[ $funcstack[1] == _millrace ]]; then _millrace \"$@\"; else compdef "
      "_millrace millrace; fi\n",
      list, ZshOptions(own), cases);
}

std::string FishOptions(const std::vector<Word>& options, const std::string& condition) {
  std::string out;
  for (const Word& word : options) {
    const bool is_long = word.name.starts_with("--");
    out += fmt::format("complete -c millrace -n {} {} {}{} -d {}\n", Quoted(condition),
                       is_long ? "-l" : "-s", word.name.substr(is_long ? 2 : 1),
                       word.takes_value ? " -r" : "", Quoted(word.doc));
    if (!word.choices.empty()) {
      out.insert(out.size() - 1, " -f -a " + Quoted(word.choices));
    }
  }
  return out;
}

std::string Fish(const CLI::App& app, const engine::Engine& engine) {
  std::vector<Word> own;
  AddOptions(app, own);
  std::string out = "# fish completion of millrace: millrace completion fish | source\n" +
                    FishOptions(own, "__fish_use_subcommand");
  for (const Command& command : Commands(app, engine)) {
    out += fmt::format("complete -c millrace -n '__fish_use_subcommand' -f -a {} -d {}\n",
                       command.name, Quoted(command.doc));
    const std::string condition = "__fish_seen_subcommand_from " + command.name;
    out += FishOptions(command.options, condition);
    if (!command.arguments.empty()) {
      out += fmt::format("complete -c millrace -n {} -f -a {}\n", Quoted(condition),
                         Quoted(command.arguments));
    }
  }
  return out;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const engine::Engine& engine,
                             const std::string& shell) {
  return shell == "bash"  ? Bash(app, engine)
         : shell == "zsh" ? Zsh(app, engine)
                          : Fish(app, engine);
}

void AddCompletion(CLI::App& app, Program& program) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print the completion script of a shell");
  command->footer("Example:\n  source <(millrace completion bash)");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app, &program] {
    program.run = [shell, &app, &program] {
      auto engine = program.MakeEngine();
      if (!engine.ok()) {
        Terminal(program.talk).Error(engine.status());
        return ExitCodeOf(engine.status());
      }
      const std::string text = CompletionScript(app, **engine, *shell);
      std::fwrite(text.data(), 1, text.size(), stdout);
      return kExitDone;
    };
  });
}

}  // namespace millrace::cli
