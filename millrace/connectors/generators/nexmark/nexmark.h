// The nexmark connector: the auction events of the Nexmark benchmark, the same ones for
// the same seed.
#pragma once

#include "millrace/connector/registry.h"

namespace millrace::generators {

connector::ConnectorSpec MakeNexmarkConnector();

}  // namespace millrace::generators
