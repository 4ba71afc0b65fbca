#include "millrace/connector/resilience/resilience.h"

#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/connector/resilience/sink.h"
#include "millrace/connector/resilience/source.h"

namespace millrace::connector::resilience {

namespace {

// Options of ours and of the connector, told apart.
struct Parted {
  Policies policies;
  Options rest;
};

Result<Parted> Part(const std::string& connector, const ConfigSpec& ours,
                    const std::vector<OptionGroup>& all, const Options& options,
                    const Surroundings& surroundings) {
  Parted out;
  Options mine;
  for (const auto& [name, value] : options) {
    (ours.Find(name) != nullptr ? mine : out.rest)[name] = value;
  }
  const std::string owner = "connector '" + connector + "'";
  // The connector knows nothing of our names, so it could not offer them.
  std::vector<std::string> names;
  for (const OptionSpec& option : ours.options()) names.push_back(option.name);
  for (const auto& [name, value] : out.rest) {
    bool known = false;
    for (const OptionGroup& group : all) known |= group.options.Find(name) != nullptr;
    const std::string near = known ? "" : NearestName(name, names);
    if (near.empty()) continue;
    return errors::kUnknownOption.Make({}, "{} has no option '{}'; did you mean '{}'?",
                                       owner, name, near);
  }
  ARROW_ASSIGN_OR_RAISE(const Config config,
                        ours.Parse(owner, mine, surroundings.environment));
  ARROW_ASSIGN_OR_RAISE(out.policies, PoliciesOf(config));
  return out;
}

// Readers and writers are timed from outside; what else a connector waits for, it times
// itself.
Surroundings WithLimits(Surroundings surroundings, const Policies& policies) {
  WaitLimits& limits = surroundings.limits;
  limits.connect_nanos = policies.timeout_connect;
  limits.read_nanos = limits.write_nanos = policies.timeout;
  return surroundings;
}

}  // namespace

ConnectorSpec WithPolicies(ConnectorSpec spec) {
  const std::string name = spec.name;
  if (spec.make_source) {
    const std::vector<OptionGroup> own = spec.source_options;
    spec.source_options.push_back({kOptionGroup, SourcePolicyOptions()});
    spec.make_source =
        [name, own, make = std::move(spec.make_source)](
            const Options& options, const std::shared_ptr<arrow::Schema>& declared,
            const Surroundings& surroundings) -> Result<std::unique_ptr<Source>> {
      ARROW_ASSIGN_OR_RAISE(
          Parted parted, Part(name, SourcePolicyOptions(), own, options, surroundings));
      ARROW_ASSIGN_OR_RAISE(auto source, make(parted.rest, declared,
                                              WithLimits(surroundings, parted.policies)));
      return std::make_unique<ResilientSource>(
          std::move(source), std::make_shared<Guard>(parted.policies, surroundings));
    };
  }
  if (spec.make_sink) {
    const std::vector<OptionGroup> own = spec.sink_options;
    spec.sink_options.push_back({kOptionGroup, SinkPolicyOptions()});
    spec.make_sink =
        [name, own, make = std::move(spec.make_sink)](
            const Options& options,
            const Surroundings& surroundings) -> Result<std::unique_ptr<Sink>> {
      ARROW_ASSIGN_OR_RAISE(Parted parted,
                            Part(name, SinkPolicyOptions(), own, options, surroundings));
      ARROW_ASSIGN_OR_RAISE(auto sink,
                            make(parted.rest, WithLimits(surroundings, parted.policies)));
      return std::make_unique<ResilientSink>(
          std::move(sink), std::make_shared<Guard>(parted.policies, surroundings));
    };
  }
  return spec;
}

std::shared_ptr<const Health> HealthOf(const Source& source) {
  const auto* resilient = dynamic_cast<const ResilientSource*>(&source);
  return resilient == nullptr ? nullptr : resilient->guard().health();
}

std::shared_ptr<const Health> HealthOf(const Sink& sink) {
  const auto* resilient = dynamic_cast<const ResilientSink*>(&sink);
  return resilient == nullptr ? nullptr : resilient->guard().health();
}

}  // namespace millrace::connector::resilience
