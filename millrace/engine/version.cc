#include "millrace/engine/engine.h"

namespace millrace::engine {

std::string_view Version() { return MILLRACE_VERSION; }

}  // namespace millrace::engine
