// The print connector: rows as lines of text, for people.
#pragma once

#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/connectors/files/files.h"

namespace millrace::print {

/// `formats`: where 'json' and 'csv' are found.
connector::ConnectorSpec MakePrintConnector(std::vector<files::FormatPtr> formats);

}  // namespace millrace::print
