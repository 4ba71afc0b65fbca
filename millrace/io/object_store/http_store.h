// Single files of web servers, read as objects.
#pragma once

#include <memory>
#include <string>

#include "millrace/io/http/retry.h"
#include "millrace/io/object_store/object_store.h"

namespace millrace::io {

/// The files of one server: `root` is "https://host/", a key what follows it in the
/// address, escaped as it is there, with its query. Head and Get only: everything else is
/// errors::kReadOnlyFiles.
std::shared_ptr<ObjectStore> MakeHttpStore(std::string root,
                                           std::shared_ptr<RetryingClient> client);

}  // namespace millrace::io
