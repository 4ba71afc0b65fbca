// The datagen connector: declared columns, filled by a kind of values each.
#pragma once

#include "millrace/connector/registry.h"

namespace millrace::generators {

connector::ConnectorSpec MakeDatagenConnector();

}  // namespace millrace::generators
