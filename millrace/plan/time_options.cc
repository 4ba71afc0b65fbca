#include "millrace/plan/time_options.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/type.h>

#include "millrace/base/config/config.h"

namespace millrace::plan {

namespace {

std::optional<std::string> Option(const Table& table, const char* name) {
  const auto found = table.options.find(name);
  return found == table.options.end() ? std::nullopt : std::optional(found->second);
}

Status Bad(const Table& table, const char* option, const std::string& reason) {
  return errors::kBadOption.Make({}, "'{}': option '{}': {}", table.name, option, reason);
}

Result<int64_t> MicrosOf(const Table& table, const char* option,
                         const std::string& text) {
  const auto nanos = ParseDuration(text);
  if (!nanos.ok()) return Bad(table, option, ErrorText(nanos.status()));
  return *nanos / 1000;
}

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

constexpr const char kField[] = "event.time.field";
constexpr const char kStrategy[] = "watermark.strategy";
constexpr const char kDisorder[] = "watermark.max_out_of_orderness";
constexpr const char kLate[] = "late.data.strategy";
constexpr const char kRetention[] = "late.data.retention";

}  // namespace

namespace {

// Other words are the connector's to refuse, which knows the options.
bool HasWords(const Table& table) {
  const auto one_of = [&](const char* name, std::initializer_list<const char*> words) {
    const auto text = Option(table, name);
    return !text || std::find(words.begin(), words.end(), *text) != words.end();
  };
  const auto duration = [&](const char* name) {
    const auto text = Option(table, name);
    return !text || ParseDuration(*text).ok();
  };
  return one_of(kStrategy, {"bounded_out_of_orderness", "ascending"}) &&
         one_of(kLate,
                {"drop", "dead_letter", "include_in_next_window", "update_previous"}) &&
         duration(kDisorder) && duration(kRetention);
}

// Late rows are those behind a watermark.
Status CheckLate(const Table& table) {
  const bool asked = Option(table, kLate) || Option(table, kRetention);
  if (asked && !table.watermark)
    return Bad(table, kLate, "without a watermark no row is late");
  return LateStrategyOf(table).status();
}

}  // namespace

Status SetWatermark(Table* table) {
  if (!HasWords(*table)) return Status::OK();
  const auto field = Option(*table, kField);
  const auto strategy = Option(*table, kStrategy);
  const auto disorder = Option(*table, kDisorder);
  if (!field) {
    if (strategy || disorder) {
      return Bad(*table, strategy ? kStrategy : kDisorder,
                 std::string("it says nothing without ") + kField);
    }
    return CheckLate(*table);
  }
  if (table->watermark) return Bad(*table, kField, "the source has a WATERMARK already");
  if (!table->schema) return Bad(*table, kField, "declare the columns of the source");
  WatermarkSpec out;
  for (int i = 0; i < table->schema->num_fields(); ++i) {
    if (SameName(table->schema->field(i)->name(), *field)) out.column = i;
  }
  if (out.column < 0) return Bad(*table, kField, "there is no column " + *field);
  if (table->schema->field(out.column)->type()->id() != arrow::Type::TIMESTAMP)
    return Bad(*table, kField, *field + " is no TIMESTAMP");
  const bool ascending = strategy == "ascending";
  if (ascending && disorder)
    return Bad(*table, kDisorder, "rows that ascend come in order");
  if (disorder) {
    ARROW_ASSIGN_OR_RAISE(out.delay_micros, MicrosOf(*table, kDisorder, *disorder));
  }
  // Rows of the same time as the newest may follow.
  out.delay_micros += 1;
  table->watermark = out;
  return CheckLate(*table);
}

Result<LateStrategy> LateStrategyOf(const Table& table) {
  LateStrategy out;
  const std::string strategy = Option(table, kLate).value_or("drop");
  const auto retention = Option(table, kRetention);
  if (strategy == "update_previous") {
    ARROW_ASSIGN_OR_RAISE(out.update_micros,
                          MicrosOf(table, kRetention, retention.value_or("1d")));
    if (out.update_micros <= 0) return Bad(table, kRetention, "it is more than 0");
    return out;
  }
  if (retention) return Bad(table, kRetention, "it goes with update_previous");
  if (strategy == "dead_letter") out.late = Window::Late::kDeadLetter;
  if (strategy == "include_in_next_window") out.late = Window::Late::kNextWindow;
  return out;
}

}  // namespace millrace::plan
