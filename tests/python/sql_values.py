"""Rows of two engines, made comparable."""

import datetime
import decimal
import math

import pyarrow as pa

_NANOS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class Instant(int):
    """A timestamp in nanoseconds, whatever its unit was."""

    def __str__(self):
        seconds, nanos = divmod(int(self), 1_000_000_000)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
        return moment.isoformat() + fraction

    __repr__ = __str__


def rows(table):
    """The rows of a pyarrow table as tuples."""
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            nanos = _NANOS[column.type.unit]
            values = column.cast(pa.int64()).to_pylist()
            columns.append([None if v is None else Instant(v * nanos) for v in values])
        else:
            columns.append(column.to_pylist())
    return list(zip(*columns)) if columns else []


def same(left, right):
    """Are two values equal? Numbers compare by value, doubles to 1e-9 of their size."""
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Instant) != isinstance(right, Instant):
        return False
    number = (int, float, decimal.Decimal)
    if isinstance(left, number) and isinstance(right, number):
        if isinstance(left, float) or isinstance(right, float):
            left, right = float(left), float(right)
            if math.isnan(left) or math.isnan(right):
                return math.isnan(left) and math.isnan(right)
            return left == right or math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
        return left == right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


def same_row(left, right):
    return len(left) == len(right) and all(map(same, left, right))


def _rank(value):
    """What rows are put in order by: alike for values that are the same."""
    if value is None:
        return (0, "")
    if isinstance(value, bool):
        return (1, str(value))
    if isinstance(value, Instant):
        return (3, str(value))
    if isinstance(value, (int, float, decimal.Decimal)):
        # Doubles that differ in their last digits must sort alike.
        value = float(value)
        return (2, "nan" if math.isnan(value) else f"{value + 0.0:.7g}".replace("-0", "0", value == 0))
    return (3, str(value))


def in_order(table_rows):
    def exact(row):
        return tuple("" if isinstance(value, float) else str(value) for value in row)

    return sorted(table_rows, key=lambda row: (tuple(map(_rank, row)), exact(row)))


def matches(cell, value):
    """Does `value` read as the expected cell?"""
    if value is None or cell.null:
        return value is None and cell.null
    if isinstance(value, bool):
        return cell.text == ("true" if value else "false")
    if isinstance(value, Instant):
        return cell.text.replace(" ", "T") == str(value)
    if isinstance(value, float):
        try:
            return same(float(cell.text), value)
        except ValueError:
            return False
    return cell.text == str(value)


def row_matches(cells, row):
    return len(cells) == len(row) and all(map(matches, cells, row))
