#include <arrow/scalar.h>
#include <arrow/type_traits.h>

#include "millrace/data/type_name.h"
#include "millrace/expr/errors.h"
#include "millrace/expr/evaluate.h"
#include "millrace/functions/scalar/signature_internal.h"

namespace millrace::functions {

TypePtr Timestamp() { return arrow::timestamp(arrow::TimeUnit::MICRO); }
TypePtr TimestampTz() { return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"); }

Status BadArguments(const std::string& name, const Types& types,
                    const std::string& reason) {
  std::string list;
  for (const TypePtr& type : types) {
    if (!list.empty()) list += ", ";
    list += data::SqlTypeName(*type);
  }
  return errors::kBadArguments.Make({}, "{}({}){}{}", name, list,
                                    reason.empty() ? "" : ": ", reason);
}

bool FitsImplicitly(const TypePtr& from, const std::shared_ptr<arrow::Scalar>& literal,
                    const TypePtr& to) {
  if (from->Equals(*to) || from->id() == arrow::Type::NA) return true;
  const auto f = from->id();
  const auto t = to->id();
  if (f == arrow::Type::STRING && literal != nullptr) {
    return t == arrow::Type::TIMESTAMP || t == arrow::Type::DATE32;
  }
  if (t == arrow::Type::DOUBLE) {
    return arrow::is_integer(f) || arrow::is_floating(f) || arrow::is_decimal(f);
  }
  if (f == arrow::Type::TIMESTAMP && t == arrow::Type::TIMESTAMP) {
    // A zoned time is an instant: it never turns into a wall clock by itself.
    return static_cast<const arrow::TimestampType&>(*from).timezone().empty() ==
           static_cast<const arrow::TimestampType&>(*to).timezone().empty();
  }
  const TypePtr common = expr::CommonType(from, to);
  return common != nullptr && common->Equals(*to);
}

Bind Overloads(std::string name, std::vector<Signature> forms) {
  return [name = std::move(name), forms = std::move(forms)](
             const Types& types, const Literals& literals) -> Result<Binding> {
    for (const bool exact : {true, false}) {
      for (const Signature& form : forms) {
        if (form.arguments.size() != types.size()) continue;
        bool fits = true;
        for (size_t i = 0; i < types.size() && fits; ++i) {
          fits = exact ? types[i]->Equals(*form.arguments[i])
                       : FitsImplicitly(types[i], literals[i], form.arguments[i]);
        }
        if (fits) return Binding{form.arguments, form.result};
      }
    }
    return BadArguments(name, types);
  };
}

Bind Variadic(std::string name, Types fixed, TypePtr result) {
  return [name = std::move(name), fixed = std::move(fixed), result = std::move(result)](
             const Types& types, const Literals& literals) -> Result<Binding> {
    if (types.size() < fixed.size())
      return BadArguments(name, types, "too few arguments");
    Types bound = fixed;
    bound.resize(types.size(), fixed.back());
    for (size_t i = 0; i < types.size(); ++i) {
      if (!FitsImplicitly(types[i], literals[i], bound[i])) {
        return BadArguments(name, types);
      }
    }
    return Binding{std::move(bound), result};
  };
}

}  // namespace millrace::functions
