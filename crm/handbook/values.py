"""The single values of the handbook file: a key, a label, a clock time, a zone, a country, a currency, a domain."""

from __future__ import annotations

import re
import unicodedata
from datetime import time
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints

from crm.calendar.hours import Window
from crm.calendar.spans import Span, read_span

# ISO 4217, the codes of money that is in use; funds, metals and test codes are left out.
CURRENCIES = frozenset(
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
        "CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
        "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL "
        "LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP "
        "PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
        "TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
    ).split()
)
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _read_clock_time(value: object) -> object:
    if isinstance(value, str) and CLOCK_TIME.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError('a time of day as "06:00", from "00:00" to "23:59"')


def _read_window(value: object) -> object:
    found = WINDOW.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError('a time from one minute of the day to another, as "06:00-12:00"; midnight at the end is 24:00')
    opens, closes = (int(hour) * 60 + int(minute) for hour, minute in (found.group(1, 2), found.group(3, 4)))
    try:
        return Window(opens, closes)
    except ValueError:
        raise ValueError('a time that ends after it begins, as "06:00-12:00"') from None


def _read_span(value: object) -> object:
    return read_span(value if isinstance(value, str) else "")


def _is_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError('the name of a time zone, as "America/Los_Angeles" or "UTC"')
    return value


def _is_country(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('a country in two capital letters (ISO 3166), as "US"')
    return value


def _is_currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError('a currency in three capital letters (ISO 4217), as "USD"')
    return value


def _is_domain(value: str) -> str:
    if not DOMAIN.fullmatch(value):
        raise ValueError('a domain in small letters, as "gmail.com"')
    return value


def _is_plain_text(value: str) -> str:
    """Stored text is trimmed and NFC; a label that is not would never equal the stored one."""
    if value != unicodedata.normalize("NFC", " ".join(value.split())):
        raise ValueError("text without spaces at its ends, double spaces, line breaks or decomposed accents")
    return value


def _is_rate(value: str) -> str:
    if not re.fullmatch(r"\d{1,8}(\.\d{1,8})?", value) or not float(value):
        raise ValueError('a number above 0 in quotes, as "1.08"')
    return value


def _is_web(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or value != value.strip() or " " in value:
        raise ValueError('a web address that begins with https, as "https://example.com/page"')
    return value


def _is_web_template(value: str) -> str:
    unknown = set(re.findall(r"{([^}]*)}", value)) - {"name", "domain", "id"}
    if unknown or value.count("{") != value.count("}"):
        raise ValueError("an address with no other marks than {name}, {domain} and {id}")
    # A customer's name in the host would send people wherever it says.
    if "{" in urlsplit(value).netloc:
        raise ValueError("a mark only behind the host")
    return _is_web(value)


def is_web_template(value: str) -> bool:
    """Whether an address may be built from this: https, a fixed host, and known marks only behind it."""
    try:
        _is_web_template(value)
    except ValueError:
        return False
    return True


Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_is_plain_text)]
Acronym = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{1,11}$")]
ClockTime = Annotated[time, BeforeValidator(_read_clock_time)]
OpenTime = Annotated[
    Window,
    BeforeValidator(_read_window),
    PlainSerializer(lambda one: "{:02}:{:02}-{:02}:{:02}".format(*divmod(one.opens, 60), *divmod(one.closes, 60))),
]
Promised = Annotated[Span, BeforeValidator(_read_span), PlainSerializer(str)]
Zone = Annotated[str, AfterValidator(_is_zone)]
Country = Annotated[str, AfterValidator(_is_country)]
Currency = Annotated[str, AfterValidator(_is_currency)]
Domain = Annotated[str, AfterValidator(_is_domain)]
Rate = Annotated[str, AfterValidator(_is_rate)]
Web = Annotated[str, AfterValidator(_is_web)]
WebTemplate = Annotated[str, AfterValidator(_is_web_template)]
Month = Annotated[int, Field(ge=1, le=12)]
Percent = Annotated[int, Field(ge=0, le=100)]
Days = Annotated[int, Field(gt=0, le=3650)]
