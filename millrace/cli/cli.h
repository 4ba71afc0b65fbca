#pragma once

#include <vector>

#include "millrace/connector/registry.h"

namespace millrace::cli {

/// The program: parse the words, run the command, answer the exit code. Called once, by
/// main. `connectors` are there beside the built-in ones.
int Main(int argc, char** argv, std::vector<connector::ConnectorSpec> connectors = {});

}  // namespace millrace::cli
