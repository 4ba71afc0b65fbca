"""Writes scalar_oracle.tsv: expressions and DuckDB's answers, NULL as \\N, errors as !.

Run by hand when an expression is added: .venv/bin/python millrace/functions/tests/data/generate_oracle.py
Only expressions whose rules are those of docs/sql/semantics.md belong here.
"""

from pathlib import Path

import duckdb

EXPRESSIONS = r"""
1 + 2
7 // 2
-7 // 2
-7 % 3
7 % -3
2147483647 + 1
9223372036854775807 + 1
-9223372036854775807 - 2
9223372036854775807 * 2
1.5 + 2.25
1.5 * 2.25
10.00 - 0.01
-1.5 - 2.5
5.5 % 2.0
1.5::DOUBLE + 1
0.1::DOUBLE + 0.2::DOUBLE
7.5::DOUBLE % 2
1 = 1.0
1 < 2.5
'a' < 'b'
'NaN'::DOUBLE = 'NaN'::DOUBLE
'NaN'::DOUBLE > 'Infinity'::DOUBLE
'NaN'::DOUBLE < 1
0::DOUBLE = (-0.0)::DOUBLE
NULL = 1
NULL AND FALSE
NULL OR TRUE
NOT NULL::BOOLEAN
abs(-5)
abs(-5.5)
abs(-2147483648)
round(2.5)
round(-2.5)
round(2.567, 2)
round(2.5::DOUBLE)
round(-2.5::DOUBLE)
round(1234.567::DOUBLE, -2)
round(1250, -2)
ceil(-1.5)
ceil(1.2::DOUBLE)
floor(-1.5)
floor(-1.2::DOUBLE)
trunc(-1.7)
trunc(1.7::DOUBLE)
sign(-3)
sqrt(2)
sqrt(-1)
ln(0)
exp(1)
log10(1000)
log2(8)
power(2, 0.5)
degrees(pi())
atan2(1, 1)
asin(2)
least(3, 1, 2)
greatest(3, NULL, 5)
least('b', 'a')
upper('héllo')
lower('ÀÉ')
length('naïve')
length('')
substring('hello', 2, 3)
substring('hello', 0, 3)
substring('hello', -3)
substring('hello', -10, 7)
substring('hello', 10)
substring('naïve', 3, 1)
replace('aaa', 'aa', 'b')
replace('abc', '', 'x')
trim('  a  ')
ltrim('xxa', 'x')
rtrim('axx', 'x')
lpad('abc', 5, 'xy')
lpad('abc', 2, 'x')
rpad('é', 3, 'ü')
concat('a', NULL, 'b')
concat_ws(',', 'a', NULL, 'b')
'a' || NULL
split_part('a,b,c', ',', 2)
split_part('a,b,c', ',', -1)
split_part('a,b,c', ',', 4)
left('hello', 2)
left('hello', -2)
right('hello', 2)
right('hello', -2)
left('né', 10)
strpos('héllo', 'l')
strpos('hello', 'z')
reverse('héllo')
repeat('ab', 3)
repeat('ab', 0)
starts_with('hello', 'he')
ends_with('hello', 'lo')
contains('hello', '')
regexp_matches('hello', 'l+')
regexp_matches('HELLO', 'hello', 'i')
regexp_matches('hello', '^l')
regexp_replace('hello', 'l', 'L')
regexp_replace('hello', 'l', 'L', 'g')
regexp_replace('john smith', '(\w+) (\w+)', '\2 \1')
regexp_extract('order-17', '[0-9]+')
regexp_extract('order-17', '([a-z]+)-([0-9]+)', 1)
regexp_extract('none', '[0-9]+')
date_part('year', DATE '2024-02-29')
date_part('quarter', DATE '2024-02-29')
date_part('week', DATE '2021-01-03')
date_part('isoyear', DATE '2021-01-03')
date_part('dow', DATE '2024-03-03')
date_part('isodow', DATE '2024-03-03')
date_part('doy', DATE '2024-12-31')
date_part('second', TIMESTAMP '2024-02-29 13:14:15.5')
date_part('millisecond', TIMESTAMP '2024-02-29 13:14:15.25')
date_part('microsecond', TIMESTAMP '2024-02-29 13:14:15.25')
date_part('hour', TIMESTAMP '1969-12-31 23:59:59')
date_part('century', DATE '2000-12-31')
date_part('decade', DATE '1999-12-31')
date_trunc('week', TIMESTAMP '2024-02-29 13:14:15')
date_trunc('quarter', TIMESTAMP '2024-05-29 13:14:15')
date_trunc('year', TIMESTAMP '1969-06-01 00:00:01')
date_trunc('hour', TIMESTAMP '1969-12-31 23:59:59')
date_diff('day', TIMESTAMP '2024-02-28 23:59:59', TIMESTAMP '2024-03-01 00:00:00')
date_diff('month', TIMESTAMP '2024-01-31 00:00:00', TIMESTAMP '2023-11-01 00:00:00')
date_diff('year', TIMESTAMP '1969-12-31 00:00:00', TIMESTAMP '1970-01-01 00:00:00')
DATE '2024-01-31' + INTERVAL '1' MONTH
TIMESTAMP '2024-02-29 00:00:00' + INTERVAL '12' MONTH
TIMESTAMP '2024-03-31 10:00:00' - INTERVAL '1' MONTH
TIMESTAMP '2024-02-28 23:00:00' + INTERVAL '1' HOUR
DATE '2024-03-01' - DATE '2024-02-01'
DATE '2024-02-28' + 2
make_date(2023, 2, 29)
make_timestamp(2024, 2, 29, 13, 14, 15.5)
CAST('12' AS INTEGER)
CAST(' 12 ' AS INTEGER)
CAST('abc' AS INTEGER)
CAST('300' AS TINYINT)
TRY_CAST('abc' AS INTEGER)
TRY_CAST(300 AS TINYINT)
CAST(300 AS TINYINT)
CAST(1.5::DOUBLE AS INTEGER)
CAST(2.5::DOUBLE AS INTEGER)
CAST(-1.5::DOUBLE AS INTEGER)
CAST('1e30'::DOUBLE AS BIGINT)
CAST(2.5 AS INTEGER)
CAST(-2.5 AS INTEGER)
CAST('1.235' AS DECIMAL(5,2))
CAST('12345' AS DECIMAL(4,2))
CAST(1.235 AS DECIMAL(5,2))
CAST(123.45 AS DECIMAL(4,1))
CAST('true' AS BOOLEAN)
CAST('t' AS BOOLEAN)
CAST('maybe' AS BOOLEAN)
CAST(TRUE AS INTEGER)
CAST(2 AS BOOLEAN)
CAST('2024-02-30' AS DATE)
CAST('2024-02-29' AS DATE)
CAST('2024-02-29 13:14' AS TIMESTAMP)
CAST('2024-02-29T13:14:15Z' AS TIMESTAMP)
CAST('2024-02-29 13:14:15+02' AS TIMESTAMPTZ)
CAST(TIMESTAMP '1969-12-31 23:59:59' AS DATE)
CAST(TIMESTAMP '2024-02-29 13:14:15.120' AS VARCHAR)
CAST(DATE '2024-02-29' AS VARCHAR)
CAST(1.50 AS VARCHAR)
CAST(9223372036854775807 AS VARCHAR)
timezone('Europe/Berlin', TIMESTAMP '2024-07-01 12:00:00')
timezone('America/Los_Angeles', TIMESTAMP '2021-03-14 03:30:00')
timezone('America/Los_Angeles', CAST('2021-11-07 09:30:00+00' AS TIMESTAMPTZ))
timezone('Asia/Kathmandu', CAST('2021-11-07 09:30:00+00' AS TIMESTAMPTZ))
coalesce(NULL, NULL, 3)
nullif(1, 1)
nullif(1, 2)
ascii('é')
ascii('')
ascii('日本')
chr(233)
chr(128512)
chr(-1)
translate('12345', '143', 'ax')
translate('héllo', 'éo', 'e0')
translate('aaa', '', 'x')
regexp_split_to_array('a1b22c', '[0-9]+')
regexp_split_to_array('1a', '[0-9]')
regexp_split_to_array('a1', '[0-9]')
regexp_split_to_array('abc', 'x')
regexp_split_to_array('aab', '^a')
regexp_split_to_array('', ',')
regexp_split_to_array('éa', '')
regexp_split_to_array('ab', 'x*')
list_append(list_value(1, 2), NULL)
list_prepend('x', list_value('a'))
list_reverse(list_value(1, NULL, 3))
list_reverse(string_split('', ','))
list_sort(list_value('b', 'a', 'B', ''))
list_sort(list_value(2.5, -1, 0))
list_max(list_value(1, NULL, 3))
list_min(list_value('b', 'a'))
string_to_array('a,,b', ',')
weekofyear(DATE '2021-01-03')
dayname(DATE '1969-12-28')
dayname(DATE '2024-02-29')
monthname(DATE '1969-12-31')
last_day(DATE '2023-02-01')
last_day(TIMESTAMP '1968-02-01 12:00:00')
isodow(DATE '2024-03-03')
dayofweek(DATE '2024-03-03')
dayofyear(DATE '2024-12-31')
epoch(TIMESTAMP '1969-12-31 23:59:59.25')
epoch_us(TIMESTAMP '1969-12-31 23:59:59.25')
time_bucket(INTERVAL '7' DAY, TIMESTAMP '2024-02-29 13:14:15')
time_bucket(INTERVAL '10' SECOND, TIMESTAMP '1969-12-31 23:59:59')
time_bucket(INTERVAL '5' MONTH, TIMESTAMP '2024-02-29 13:14:15')
time_bucket(INTERVAL '3' MONTH, TIMESTAMP '1969-11-29 13:14:15')
time_bucket(INTERVAL '5' HOUR, TIMESTAMP '2024-02-29 13:14:15')
time_bucket(INTERVAL '0' HOUR, TIMESTAMP '2024-02-29 13:14:15')
CASE WHEN 1 > 2 THEN 'a' WHEN NULL THEN 'b' ELSE 'c' END
"""


def text(value):
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def main():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    lines = ["# Written by generate_oracle.py with DuckDB; do not edit."]
    for expression in EXPRESSIONS.strip().splitlines():
        try:
            kind, shown = connection.execute(
                f"SELECT typeof({expression}), CAST(({expression}) AS VARCHAR)").fetchone()
            if kind in ("DOUBLE", "FLOAT") and shown is not None:
                answer = "~" + shown
            else:
                answer = text(shown)
        except duckdb.Error:
            answer = "!"
        lines.append(f"{expression}\t{answer}")
    Path(__file__).with_name("scalar_oracle.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
