// What looks like a function and is read by the parser: rows for help and the reference.
#include <utility>
#include <vector>

#include "millrace/functions/special_forms_internal.h"

namespace millrace::functions {

Status RegisterSpecialForms(expr::FunctionRegistry& registry) {
  const char* category = "special form";
  for (expr::FunctionDoc& doc : std::vector<expr::FunctionDoc>{
           {"case",
            {},
            category,
            "CASE [x] WHEN a THEN b … [ELSE c] END → common type",
            "The value behind the first condition that is true, or behind the first "
            "value "
            "that equals x; NULL where there is none and no ELSE. A value is computed "
            "only "
            "on its own rows.",
            "CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END",
            "b"},
           {"cast",
            {},
            category,
            "CAST(x AS type), x::type → type",
            "The value as another type; an error where it does not fit.",
            "CAST('1.5' AS DECIMAL(3, 2))",
            "1.50"},
           {"try_cast",
            {},
            category,
            "TRY_CAST(x AS type) → type",
            "As CAST, with NULL where a value does not fit.",
            "coalesce(TRY_CAST('x' AS INTEGER), -1)",
            "-1"},
           {"extract",
            {},
            category,
            "EXTRACT(field FROM time) → bigint or double",
            "As date_part('field', time).",
            "EXTRACT(hour FROM TIMESTAMP '2024-02-29 13:14:15')",
            "13"},
           {"grouping",
            {"grouping_id"},
            category,
            "GROUPING(key, …) → bigint",
            "Which keys of GROUPING SETS, ROLLUP or CUBE the row is a total over: a bit "
            "for each, the last one the lowest.",
            "",
            ""},
           {"tumble_start",
            {"hop_start", "cumulate_start", "session_start"},
            category,
            "TUMBLE_START([time, size]) → type of the time column",
            "The start of the window that the group lies in, as window_start; under "
            "WINDOW only.",
            "",
            ""},
           {"tumble_end",
            {"hop_end", "cumulate_end", "session_end"},
            category,
            "TUMBLE_END([time, size]) → type of the time column",
            "The end of the window that the group lies in, which is no part of it, as "
            "window_end; under WINDOW only.",
            "",
            ""}}) {
    ARROW_RETURN_NOT_OK(registry.AddSpecialForm(std::move(doc)));
  }
  return Status::OK();
}

}  // namespace millrace::functions
