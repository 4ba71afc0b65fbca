// Glob patterns: *, ?, [abc], {a,b}, and ** for any depth.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::io {

bool HasGlob(std::string_view text);

/// "{a,b}c" → "ac", "bc", appended to `out`.
void ExpandBraces(const std::string& pattern, std::vector<std::string>& out);

/// One component of a path against one of a pattern.
bool MatchesName(std::string_view pattern, std::string_view name);

/// A path against a pattern without braces, component by component. What ** leaps over
/// is not hidden.
bool MatchesPath(std::string_view pattern, std::string_view path);

/// Names that begin with '.' or '_'.
bool IsHidden(std::string_view name);

}  // namespace millrace::io
