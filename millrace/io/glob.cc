#include "millrace/io/glob.h"

namespace millrace::io {

bool HasGlob(std::string_view text) {
  return text.find_first_of("*?[{") != std::string_view::npos;
}

// The first group is opened, the rest by recursion.
void ExpandBraces(const std::string& pattern, std::vector<std::string>& out) {
  const size_t open = pattern.find('{');
  if (open == std::string::npos) {
    out.push_back(pattern);
    return;
  }
  int depth = 0;
  std::vector<size_t> cuts = {open};
  for (size_t i = open; i < pattern.size(); ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == '}') --depth;
    if (pattern[i] == ',' && depth == 1) cuts.push_back(i);
    if (depth == 0) {
      cuts.push_back(i);
      for (size_t part = 0; part + 1 < cuts.size(); ++part) {
        ExpandBraces(pattern.substr(0, open) +
                         pattern.substr(cuts[part] + 1, cuts[part + 1] - cuts[part] - 1) +
                         pattern.substr(i + 1),
                     out);
      }
      return;
    }
  }
  out.push_back(pattern);  // never closed: an ordinary character
}

// Iterative, so no input makes it exponential.
bool MatchesName(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    bool matched = false;
    size_t next = p + 1;
    if (p < pattern.size()) {
      const char c = pattern[p];
      if (c == '*') {
        star = p++;
        star_name = n;
        continue;
      }
      if (c == '?') {
        matched = true;
      } else if (c == '[') {
        size_t end = pattern.find(']', p + 2);
        if (end == std::string_view::npos) {
          matched = name[n] == c;
        } else {
          size_t i = p + 1;
          const bool negated = pattern[i] == '!' || pattern[i] == '^';
          if (negated) ++i;
          bool in = false;
          for (; i < end; ++i) {
            if (i + 2 < end && pattern[i + 1] == '-') {
              in |= name[n] >= pattern[i] && name[n] <= pattern[i + 2];
              i += 2;
            } else {
              in |= name[n] == pattern[i];
            }
          }
          matched = in != negated;
          next = end + 1;
        }
      } else {
        matched = c == name[n];
      }
    }
    if (matched) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool IsHidden(std::string_view name) {
  return name.starts_with('.') || name.starts_with('_');
}

bool MatchesPath(std::string_view pattern, std::string_view path) {
  for (;;) {
    const size_t slash = pattern.find('/');
    const std::string_view part = pattern.substr(0, slash);
    const bool last = slash == pattern.npos;
    if (part == "**") {
      const std::string_view rest = last ? "*" : pattern.substr(slash + 1);
      for (;;) {
        if (MatchesPath(rest, path)) return true;
        const size_t end = path.find('/');
        if (end == path.npos || IsHidden(path.substr(0, end))) return false;
        path.remove_prefix(end + 1);
      }
    }
    const size_t end = path.find('/');
    if (last != (end == path.npos)) return false;
    const std::string_view name = path.substr(0, end);
    if (name.starts_with('.') && !part.starts_with('.')) return false;
    if (!MatchesName(part, name)) return false;
    if (last) return true;
    pattern.remove_prefix(slash + 1);
    path.remove_prefix(end + 1);
  }
}

}  // namespace millrace::io
