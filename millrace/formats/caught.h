// Caught: where the exceptions and plain errors of a library end.
#pragma once

#include <exception>
#include <string>
#include <type_traits>

#include "millrace/base/error.h"

namespace millrace::formats {

/// What `function` returns, a Status or a Result; an exception, or an error without a
/// number, becomes `spec`.
template <typename Function>
auto Caught(const ErrorSpec& spec, const std::string& file, Function&& function)
    -> decltype(function()) {
  try {
    auto result = function();
    const Status status = [&]() -> Status {
      if constexpr (std::is_same_v<decltype(result), Status>) {
        return result;
      } else {
        return result.status();
      }
    }();
    if (status.ok() || ErrorDetail::Of(status) != nullptr) return result;
    return spec.Make({.file = file}, "{}", status.message());
  } catch (const std::exception& error) {
    return spec.Make({.file = file}, "{}", error.what());
  }
}

}  // namespace millrace::formats
