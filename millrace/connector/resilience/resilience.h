// Resilience: puts retry, circuit breaker, rate limits, time-outs and health around any
// connector.
#pragma once

#include <memory>

#include "millrace/connector/registry.h"
#include "millrace/connector/resilience/health.h"

namespace millrace::connector::resilience {

/// The title of the options that WithPolicies adds.
inline constexpr const char kOptionGroup[] = "resilience";

/// `spec` with the options of policies.h beside its own, and with sources and sinks that
/// keep to them. Registry::Add does this for every connector.
ConnectorSpec WithPolicies(ConnectorSpec spec);

/// How a source or sink made by such a connector is doing, readable by any thread for as
/// long as it is held; null for others.
std::shared_ptr<const Health> HealthOf(const Source& source);
std::shared_ptr<const Health> HealthOf(const Sink& sink);

}  // namespace millrace::connector::resilience
