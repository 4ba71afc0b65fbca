// What looks like a function and is read by the parser: rows for help and the reference.
#include <utility>
#include <vector>

#include "millrace/functions/special_forms_internal.h"

namespace millrace::functions {

namespace {

// Functions that only OVER gives a meaning.
std::vector<expr::FunctionDoc> WindowFunctions() {
  const auto row = [](const char* name, const char* signature, const char* text) {
    return expr::FunctionDoc{name, {}, "window", signature, text, "", ""};
  };
  return {
      row("row_number", "ROW_NUMBER() OVER (…) → bigint",
          "The number of the row in its partition, from 1."),
      row("rank", "RANK() OVER (…) → bigint",
          "The number of the first row that is equal in the order, from 1."),
      row("dense_rank", "DENSE_RANK() OVER (…) → bigint",
          "The number of the group of equal rows, from 1 without gaps."),
      row("percent_rank", "PERCENT_RANK() OVER (…) → double",
          "(rank − 1) / (rows of the partition − 1); 0 in a partition of one row. Needs "
          "all rows of the partition."),
      row("cume_dist", "CUME_DIST() OVER (…) → double",
          "The share of rows that come before the row or are equal to it. Needs all "
          "rows of the partition."),
      row("ntile", "NTILE(n) OVER (…) → bigint",
          "The part, from 1 to n, that the row falls in when the partition is cut into n "
          "parts; the first ones may be a row longer. Needs all rows of the partition."),
      row("lag", "LAG(x [, n [, default]]) OVER (…) → type of x",
          "x of the row n (1) rows before; the default (NULL) where there is none."),
      row("lead", "LEAD(x [, n [, default]]) OVER (…) → type of x",
          "x of the row n (1) rows behind; the default (NULL) where there is none."),
      row("first_value", "FIRST_VALUE(x) OVER (…) → type of x",
          "x of the first row of the frame, NULL included; NULL for an empty frame."),
      row("last_value", "LAST_VALUE(x) OVER (…) → type of x",
          "x of the last row of the frame, NULL included; NULL for an empty frame."),
      row("nth_value", "NTH_VALUE(x, n) OVER (…) → type of x",
          "x of row n of the frame, from 1; NULL where it has fewer."),
  };
}

}  // namespace

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
  for (expr::FunctionDoc& doc : WindowFunctions()) {
    ARROW_RETURN_NOT_OK(registry.AddSpecialForm(std::move(doc)));
  }
  return Status::OK();
}

}  // namespace millrace::functions
