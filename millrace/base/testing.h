// Assertions on Status and Result for unit tests (Arrow's own testing library is not
// shipped in the wheel).
#pragma once

#include <gtest/gtest.h>

#include "millrace/base/error.h"
#include "millrace/base/result.h"

#define ASSERT_OK(expression)                                    \
  do {                                                           \
    const ::millrace::Status _status = (expression);             \
    ASSERT_TRUE(_status.ok()) << ::millrace::ErrorText(_status); \
  } while (false)

#define MILLRACE_CONCAT_INNER(a, b) a##b
#define MILLRACE_CONCAT(a, b) MILLRACE_CONCAT_INNER(a, b)
#define MILLRACE_ASSERT_ASSIGN(result, lhs, expression)               \
  auto result = (expression);                                         \
  ASSERT_TRUE(result.ok()) << ::millrace::ErrorText(result.status()); \
  lhs = std::move(result).ValueUnsafe()

/// Declare or set `lhs` from a Result that must be OK.
#define ASSERT_OK_AND_ASSIGN(lhs, expression) \
  MILLRACE_ASSERT_ASSIGN(MILLRACE_CONCAT(_result_, __COUNTER__), lhs, expression)
