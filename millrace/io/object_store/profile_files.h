// The files in which AWS's tools keep profiles.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "millrace/io/object_store/credentials.h"

namespace millrace::io {

/// Settings by name, of one profile.
using Profile = std::map<std::string, std::string>;

/// Sections of an INI text: names as they stand between the brackets, "profile " left
/// out.
std::map<std::string, Profile> ParseProfiles(std::string_view text);

/// What the config file says, with the keys of the credentials file. Files that are not
/// there are empty ones.
std::map<std::string, Profile> ReadProfiles(const Environment& environment);

}  // namespace millrace::io
