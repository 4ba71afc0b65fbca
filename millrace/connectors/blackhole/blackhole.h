// The blackhole connector: a sink that reads every row and keeps none.
#pragma once

#include "millrace/connector/registry.h"

namespace millrace::blackhole {

connector::ConnectorSpec MakeBlackholeConnector();

}  // namespace millrace::blackhole
