// The interactive shell.
#pragma once

#include "millrace/cli/script.h"
#include "millrace/engine/session.h"

namespace millrace::cli {

/// Read statements from standard input until its end: with a prompt, history
/// (~/.millrace_history), completion and several lines a statement on a terminal; plainly
/// from a pipe, where the first error ends it. Answers the exit code.
int RunShell(engine::Engine& engine, engine::Session& session, ScriptListener& listener,
             Terminal& terminal);

}  // namespace millrace::cli
