#include <cctype>

#include "millrace/expr/errors.h"
#include "millrace/expr/function.h"

namespace millrace::expr {

namespace {

std::string Lower(const std::string& name) {
  std::string out = name;
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Scalars and aggregates share one name space: a call never depends on where it stands.
template <typename F, typename Other>
Status AddNames(const F* function, std::unordered_map<std::string, const F*>* names,
                const std::unordered_map<std::string, const Other*>& others) {
  std::vector<std::string> all = function->doc.aliases;
  all.push_back(function->doc.name);
  for (const std::string& name : all) {
    if (names->contains(name) || others.contains(name)) {
      return errors::kInternal.Make({}, "function {} is registered twice", name);
    }
    (*names)[name] = function;
  }
  return Status::OK();
}

}  // namespace

Status Accumulator::Retract(const std::vector<arrow::Datum>&, const uint32_t*, int64_t) {
  return errors::kInternal.Make({}, "an aggregate that can't retract was asked to");
}

Status FunctionRegistry::Add(ScalarFunction function) {
  auto owned = std::make_unique<ScalarFunction>(std::move(function));
  ARROW_RETURN_NOT_OK(AddNames(owned.get(), &scalar_names_, aggregate_names_));
  scalars_.push_back(std::move(owned));
  return Status::OK();
}

Status FunctionRegistry::Add(AggregateFunction function) {
  auto owned = std::make_unique<AggregateFunction>(std::move(function));
  ARROW_RETURN_NOT_OK(AddNames(owned.get(), &aggregate_names_, scalar_names_));
  aggregates_.push_back(std::move(owned));
  return Status::OK();
}

Status FunctionRegistry::AddSpecialForm(FunctionDoc doc) {
  if (FindSpecialForm(doc.name) != nullptr) {
    return errors::kInternal.Make({}, "the form {} is registered twice", doc.name);
  }
  special_forms_.push_back(std::move(doc));
  return Status::OK();
}

const FunctionDoc* FunctionRegistry::FindSpecialForm(const std::string& name) const {
  const std::string lower = Lower(name);
  for (const FunctionDoc& doc : special_forms_) {
    if (doc.name == lower) return &doc;
  }
  return nullptr;
}

const ScalarFunction* FunctionRegistry::FindScalar(const std::string& name) const {
  const auto found = scalar_names_.find(Lower(name));
  return found == scalar_names_.end() ? nullptr : found->second;
}

const AggregateFunction* FunctionRegistry::FindAggregate(const std::string& name) const {
  const auto found = aggregate_names_.find(Lower(name));
  return found == aggregate_names_.end() ? nullptr : found->second;
}

std::string FunctionRegistry::Nearest(const std::string& name) const {
  std::vector<std::string> names;
  auto add = [&names](const FunctionDoc& doc) {
    names.push_back(doc.name);
    names.insert(names.end(), doc.aliases.begin(), doc.aliases.end());
  };
  for (const auto& function : scalars_) add(function->doc);
  for (const auto& function : aggregates_) add(function->doc);
  for (const FunctionDoc& doc : special_forms_) add(doc);
  return NearestName(name, names);
}

std::vector<const ScalarFunction*> FunctionRegistry::scalars() const {
  std::vector<const ScalarFunction*> out;
  for (const auto& function : scalars_) out.push_back(function.get());
  return out;
}

std::vector<const AggregateFunction*> FunctionRegistry::aggregates() const {
  std::vector<const AggregateFunction*> out;
  for (const auto& function : aggregates_) out.push_back(function.get());
  return out;
}

}  // namespace millrace::expr
