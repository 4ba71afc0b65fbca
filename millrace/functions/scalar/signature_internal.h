// How a function states what it takes.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include <arrow/type.h>

#include "millrace/expr/function.h"

namespace millrace::functions {

using expr::Binding;
using expr::TypePtr;
using Types = std::vector<TypePtr>;
using Literals = std::vector<std::shared_ptr<arrow::Scalar>>;
using Bind = std::function<Result<Binding>(const Types&, const Literals&)>;

/// One form of a call.
struct Signature {
  Types arguments;
  TypePtr result;
};

/// Bind to the first form with as many arguments into which every argument fits without
/// loss. A text literal also fits dates and times.
Bind Overloads(std::string name, std::vector<Signature> forms);

/// As Overloads with one form: at least `fixed.size()` arguments, every further one of
/// the last type.
Bind Variadic(std::string name, Types fixed, TypePtr result);

/// Errors of binding: "name(TYPE, TYPE)".
Status BadArguments(const std::string& name, const Types& types,
                    const std::string& reason = "");

/// May a value of `from` stand where `to` is asked for, without loss?
bool FitsImplicitly(const TypePtr& from, const std::shared_ptr<arrow::Scalar>& literal,
                    const TypePtr& to);

TypePtr Timestamp();    ///< TIMESTAMP: microseconds, wall clock
TypePtr TimestampTz();  ///< TIMESTAMP WITH TIME ZONE: microseconds, UTC

}  // namespace millrace::functions
