#include "millrace/base/error.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace millrace {

namespace {

constexpr const char kErrorDetailType[] = "millrace::ErrorDetail";

char Lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

// Optimal string alignment distance: a transposition counts once, because swapped letters
// are the commonest typing error.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
          Lower(a[i - 2]) == Lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Where::ToString() const {
  std::string out;
  auto add = [&out](std::string part) {
    if (!out.empty()) out += ", ";
    out += part;
  };
  if (!file.empty()) add(file);
  if (line >= 0)
    add(column_number >= 0 ? fmt::format("line {}:{}", line, column_number)
                           : fmt::format("line {}", line));
  if (row >= 0) add(fmt::format("row {}", row));
  if (!column.empty()) add(fmt::format("column {}", column));
  if (byte >= 0) add(fmt::format("byte {}", byte));
  return out;
}

Status ErrorSpec::MakeText(Where where, std::string values) const {
  auto detail = std::make_shared<ErrorDetail>(*this, std::move(where), std::move(values));
  std::string message = detail->ToString();
  return Status(code, std::move(message), std::move(detail));
}

ErrorDetail::ErrorDetail(const ErrorSpec& spec, Where where, std::string values)
    : spec_(&spec), where_(std::move(where)), values_(std::move(values)) {}

const char* ErrorDetail::type_id() const { return kErrorDetailType; }

std::string ErrorDetail::ToString() const {
  std::string out = fmt::format("MR-{:04} {}", spec_->number, spec_->text);
  if (std::string place = where_.ToString(); !place.empty()) out += ": " + place;
  if (!values_.empty()) out += ": " + values_;
  return out;
}

const ErrorDetail* ErrorDetail::Of(const Status& status) {
  // Compared by text: the constant may exist once per shared object.
  if (status.ok() || !status.detail() ||
      std::string_view(status.detail()->type_id()) != kErrorDetailType)
    return nullptr;
  return static_cast<const ErrorDetail*>(status.detail().get());
}

std::string ErrorText(const Status& status) {
  if (status.ok()) return "OK";
  if (const auto* detail = ErrorDetail::Of(status)) return detail->ToString();
  return fmt::format("MR-{:04} {}: {}", errors::kInternal.number, errors::kInternal.text,
                     status.ToString());
}

int32_t ErrorNumber(const Status& status) {
  if (status.ok()) return 0;
  const auto* detail = ErrorDetail::Of(status);
  return detail != nullptr ? detail->number() : errors::kInternal.number;
}

Status WithWhere(const Status& status, const Where& outer) {
  const auto* detail = ErrorDetail::Of(status);
  if (detail == nullptr) return status;
  Where merged = detail->where();
  if (merged.file.empty()) merged.file = outer.file;
  if (merged.row < 0) merged.row = outer.row;
  if (merged.column.empty()) merged.column = outer.column;
  if (merged.byte < 0) merged.byte = outer.byte;
  if (merged.line < 0) {
    merged.line = outer.line;
    merged.column_number = outer.column_number;
  }
  return detail->spec().MakeText(std::move(merged), detail->values());
}

std::string NearestName(std::string_view name, std::span<const std::string> candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace millrace
