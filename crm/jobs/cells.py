"""Cells of a CSV file that a spreadsheet shows as text, whatever somebody typed into them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

FORMULA = re.compile(r"^[=+\-@\t\r\n]")
# A telephone number or a plain number begins like a formula and is none.
NUMBER = re.compile(r"^[+\-]?[\d\s().,/-]*$")


def cell(value: Any) -> str:
    """The value as text; what a spreadsheet would calculate is given an apostrophe, so that it does not."""
    text = "" if value is None else str(value)
    return f"'{text}" if FORMULA.match(text) and (not NUMBER.match(text) or text[0] in "\t\r\n") else text


def line(values: Iterable[Any]) -> list[str]:
    """The cells of one row."""
    return [cell(value) for value in values]
