#include "millrace/state/names.h"

#include <charconv>

#include <fmt/format.h>

namespace millrace::state {

namespace {

constexpr std::string_view kEpochPrefix = "epoch-";
constexpr std::string_view kAttemptPrefix = "-attempt-";
constexpr size_t kEpochDigits = 20;

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '-' || c == '_';
}

// The number that `text` begins with, which is taken off it.
std::optional<int64_t> TakeNumber(std::string_view* text) {
  int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(at - text->data()));
  return number;
}

}  // namespace

std::string EscapedName(const std::string& name) {
  std::string out;
  for (const char c : name) {
    // A dot is plain inside a name; at its start it would hide the folder.
    if (IsPlain(c) || (c == '.' && !out.empty())) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string UnescapedName(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    unsigned value = 0;
    if (name[i] == '%' && i + 2 < name.size() &&
        std::from_chars(name.data() + i + 1, name.data() + i + 3, value, 16).ec ==
            std::errc()) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += name[i];
    }
  }
  return out;
}

std::string BaseName(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string EpochName(Epoch epoch) {
  return fmt::format("{}{:0{}}", kEpochPrefix, epoch.value, kEpochDigits);
}

std::optional<Epoch> EpochOf(std::string_view name, std::string_view* rest) {
  if (!name.starts_with(kEpochPrefix)) return std::nullopt;
  name.remove_prefix(kEpochPrefix.size());
  const auto number = TakeNumber(&name);
  if (!number) return std::nullopt;
  *rest = name;
  return Epoch{*number};
}

std::string AttemptName(Epoch epoch, int64_t attempt) {
  return fmt::format("{}{}{}", EpochName(epoch), kAttemptPrefix, attempt);
}

std::optional<int64_t> AttemptOf(std::string_view name) {
  std::string_view rest;
  if (!EpochOf(name, &rest) || !rest.starts_with(kAttemptPrefix)) return std::nullopt;
  rest.remove_prefix(kAttemptPrefix.size());
  return TakeNumber(&rest);
}

std::string StateFileName(Epoch epoch, int64_t attempt, int task) {
  return fmt::format("{}-task-{}.state", AttemptName(epoch, attempt), task);
}

}  // namespace millrace::state
