#include "millrace/io/object_store/profile_files.h"

#include <fstream>
#include <iterator>

#include "millrace/io/http/header_text.h"

namespace millrace::io {

namespace {

std::string TextOfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

std::map<std::string, Profile> ParseProfiles(std::string_view text) {
  std::map<std::string, Profile> out;
  Profile* profile = nullptr;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string_view line = Trimmed(whole);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      std::string_view name = Trimmed(line.substr(1, line.find(']') - 1));
      constexpr std::string_view kProfile = "profile ";
      if (name.starts_with(kProfile)) name = Trimmed(name.substr(kProfile.size()));
      profile = &out[std::string(name)];
      continue;
    }
    // An indented line belongs to the setting above it.
    if (whole.front() == ' ' || whole.front() == '\t') continue;
    const size_t equals = line.find('=');
    if (profile == nullptr || equals == line.npos) continue;
    std::string_view value = Trimmed(line.substr(equals + 1));
    const size_t comment = std::min(value.find(" #"), value.find(" ;"));
    value = Trimmed(value.substr(0, comment));
    (*profile)[std::string(Trimmed(line.substr(0, equals)))] = value;
  }
  return out;
}

std::map<std::string, Profile> ReadProfiles(const Environment& environment) {
  auto path = [&](const char* variable, const char* name) {
    if (const auto given = environment(variable); given && !given->empty()) return *given;
    const auto home = environment("HOME");
    return home ? *home + "/.aws/" + name : std::string();
  };
  auto out = ParseProfiles(TextOfFile(path("AWS_CONFIG_FILE", "config")));
  for (auto& [name, profile] :
       ParseProfiles(TextOfFile(path("AWS_SHARED_CREDENTIALS_FILE", "credentials")))) {
    for (auto& [key, value] : profile) out[name][key] = value;
  }
  return out;
}

}  // namespace millrace::io
