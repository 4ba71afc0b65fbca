#pragma once

namespace millrace::cli {

/// The program: parse the words, run the command, answer the exit code. Called once, by
/// main.
int Main(int argc, char** argv);

}  // namespace millrace::cli
