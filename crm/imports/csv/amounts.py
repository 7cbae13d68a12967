"""Numbers and money as people write them: plain rules, without a database and without guessing.

"$22,700.00", "(1,200)" and "1 234,56 €" are read by the sign before the decimals, `point` or `comma`. "1.234" alone is
one of two numbers: which, is a property of the column, recognised over all of its values (`formats`) or asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Style = Literal["point", "comma"]
STYLES: tuple[Style, ...] = ("point", "comma")
SPACES = "\u0020\u00a0\u2007\u2009\u202f"
SPACE = f"[{SPACES}]"
CURRENCIES = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "zł": "PLN", "₺": "TRY"}
DOLLARS = {"US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD"}
# Currencies that are written with a bare dollar sign where they are the company's own.
WITH_DOLLAR = frozenset(("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"))
CODE = re.compile(r"[A-Z]{3}")
GROUPED = {
    "point": re.compile(rf"(?:\d{{1,3}}(?:([,'’]|{SPACE})\d{{3}})(?:\1\d{{3}})*|\d+)(?:\.\d+)?|\.\d+", re.ASCII),
    "comma": re.compile(rf"(?:\d{{1,3}}(?:([.'’]|{SPACE})\d{{3}})(?:\1\d{{3}})*|\d+)(?:,\d+)?|,\d+", re.ASCII),
}
# Indian groups: 12,34,567.00.
LAKHS = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?", re.ASCII)
LONGEST = 40


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, and the currency that the cell names, as an ISO 4217 code; `$` when it is a bare dollar sign."""

    number: Decimal
    currency: str = ""

    def in_currency(self, home: str) -> str:
        """The code; a bare dollar sign is of the company's own dollars, else of the United States'."""
        if self.currency != "$":
            return self.currency
        return home if home in WITH_DOLLAR else "USD"


def read_amount(cell: str, style: Style) -> Amount | None:
    """What the cell says when decimals stand after this sign; None when it is no number."""
    text = cell.strip().strip(SPACES).replace("−", "-")
    if not text or len(text) > LONGEST:
        return None
    negative = False
    if text.startswith("(") and text.endswith(")"):
        text, negative = text[1:-1].strip(SPACES), True
    text, minus = _without_sign(text)
    text, currency = _without_currency(text)
    text, inner = _without_sign(text)
    if negative + minus + inner > 1 or currency is None:
        return None
    plain = _plain(text, style)
    if plain is None:
        return None
    number = Decimal(plain)
    return Amount(-number if negative or minus or inner else number, currency)


def _without_sign(text: str) -> tuple[str, bool]:
    if text.startswith("-"):
        return text[1:].strip(SPACES), True
    if text.startswith("+"):
        return text[1:].strip(SPACES), False
    if text.endswith("-") and text[:-1].rstrip(".").endswith(tuple("0123456789")):
        # "12.-" is how Swiss prices leave out the cents; "12-" is an accountant's minus.
        return (text[:-2], False) if text.endswith((".-", ",-")) else (text[:-1], True)
    return text, False


def _without_currency(text: str) -> tuple[str, str | None]:
    """The number by itself, and the currency; None when both ends name one and not the same."""
    found: list[str] = []
    signs = sorted([*DOLLARS, *CURRENCIES, "$"], key=len, reverse=True)
    for at_end in (False, True):
        code = CODE.search(text[-3:] if at_end else text[:3]) if len(text) > 3 else None
        sign = code[0] if code else next((s for s in signs if (text.endswith if at_end else text.startswith)(s)), "")
        if sign:
            text = (text[: -len(sign)] if at_end else text[len(sign) :]).strip(SPACES)
            found.append(CURRENCIES.get(sign) or DOLLARS.get(sign) or sign)
    if not found:
        return text, ""
    named = {one for one in found if one != "$"}
    if len(named) > 1:
        return text, None
    return text, named.pop() if named else "$"


def _plain(text: str, style: Style) -> str | None:
    """The number as programs write it."""
    if style == "point" and LAKHS.fullmatch(text):
        return text.replace(",", "")
    if not GROUPED[style].fullmatch(text):
        return None
    mark = "." if style == "point" else ","
    whole, _, decimals = text.partition(mark)
    digits = re.sub(r"\D", "", whole) or "0"
    return f"{digits}.{decimals}" if decimals else digits
