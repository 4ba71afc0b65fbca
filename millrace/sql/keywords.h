// Words with a meaning in the grammar. Few are reserved: a column may be called date,
// key, value or window_start.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::sql {

/// Can't stand as a bare name in an expression. `word` is in upper case.
bool IsReserved(std::string_view word);

/// Can't stand as an alias without AS, because it may begin the next clause.
bool IsReservedAsAlias(std::string_view word);

/// A bare name equal to this word might be read as something else, so it is printed in
/// quotes.
bool NeedsQuotes(std::string_view word);

/// Every keyword, to offer the nearest one to a misspelt word.
std::span<const std::string_view> AllKeywords();

std::string ToUpper(std::string_view text);
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view left, std::string_view right);

}  // namespace millrace::sql
