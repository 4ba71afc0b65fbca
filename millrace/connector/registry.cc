#include "millrace/connector/registry.h"

#include "millrace/base/config/secret_name.h"
#include "millrace/connector/errors.h"
#include "millrace/connector/resilience/resilience.h"

namespace millrace::connector {

const char* CommitClassName(CommitClass commit_class) {
  switch (commit_class) {
    case CommitClass::kTwoPhase: return "two-phase";
    case CommitClass::kAtomic: return "atomic";
    case CommitClass::kIdempotent: return "idempotent";
    case CommitClass::kNone: return "none";
  }
  return "?";
}

Status Registry::Add(ConnectorSpec spec) {
  if (Find(spec.name) != nullptr) {
    return errors::kInternal.Make({}, "connector '{}' is registered twice", spec.name);
  }
  for (const auto* groups : {&spec.source_options, &spec.sink_options}) {
    for (const OptionGroup& group : *groups) {
      for (const OptionSpec& option : group.options.options()) {
        if (!option.secret || IsSecretName(option.name)) continue;
        return errors::kInternal.Make(
            {}, "the name of '{}' does not tell that it is secret", option.name);
      }
    }
  }
  specs_.push_back(
      std::make_unique<ConnectorSpec>(resilience::WithPolicies(std::move(spec))));
  return Status::OK();
}

const ConnectorSpec* Registry::Find(std::string_view name) const {
  for (const auto& spec : specs_) {
    if (spec->name == name) return spec.get();
  }
  return nullptr;
}

const ConnectorSpec* Registry::FindScheme(std::string_view scheme) const {
  for (const auto& spec : specs_) {
    for (const std::string& owned : spec->schemes) {
      if (owned == scheme) return spec.get();
    }
  }
  return nullptr;
}

Result<const ConnectorSpec*> Registry::Get(std::string_view name) const {
  if (const ConnectorSpec* spec = Find(name)) return spec;
  std::vector<std::string> names;
  for (const auto& spec : specs_) names.push_back(spec->name);
  const std::string near = NearestName(name, names);
  return errors::kUnknownConnector.Make(
      {}, "'{}'{}", name, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

std::vector<const ConnectorSpec*> Registry::all() const {
  std::vector<const ConnectorSpec*> out;
  for (const auto& spec : specs_) out.push_back(spec.get());
  return out;
}

}  // namespace millrace::connector
