// The files connector: local paths, globs, folders, stdin and stdout, in any format of
// formats/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/connector/registry.h"
#include "millrace/formats/format.h"

namespace millrace::files {

using FormatPtr = std::shared_ptr<const formats::Format>;

/// The connector over `formats`, for the registry.
connector::ConnectorSpec MakeFilesConnector(std::vector<FormatPtr> formats);

/// Is `text` a path that this connector would take (it has no other scheme)? "-" is stdin
/// or stdout.
bool IsPath(std::string_view text);
/// `text` without a leading "file://".
std::string PathOf(std::string_view text);

}  // namespace millrace::files
