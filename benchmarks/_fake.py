"""Leads as they are found in the wild, made up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

FIRST = "Ada Alan Amara Ben Bianca Carlos Chen Dana Diego Elena Emeka Farid Grace Hana Igor Ines Jonas Kai".split()
LAST = "Abe Baker Costa Diaz Evans Fischer Garcia Haddad Ito Jensen Kim Lopez Meyer Novak Okafor Patel Reyes".split()
TRADES = "Analytics Bakery Cloud Dental Energy Freight Gaming Health Insurance Labs Media Networks Optics".split()
CITIES = (("Portland", "OR"), ("Austin", "TX"), ("Denver", "CO"), ("Boston", "MA"), ("Reno", "NV"), ("Tampa", "FL"))
SOURCES = ("", "website", "webinar", "linkedin", "trade_show", "partner", "outbound_research", "word_of_mouth")
INDUSTRIES = ("", "technology", "healthcare", "finance", "retail", "education", "energy")
STATUSES = (
    ("new", 45),
    ("new_enriched", 10),
    ("new_mql", 5),
    ("working_to_engage", 20),
    ("engaged", 8),
    ("working_to_convert", 4),
    ("closed_nurture", 8),
)
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def fake_leads(count: int, *, seed: int = 1, first: int = 1) -> Iterator[dict[str, Any]]:
    """Leads as they are found in the wild, by column: the same ones for the same seed and number."""
    draw = random.Random(seed)
    statuses, weights = zip(*STATUSES, strict=True)
    for number in range(first, first + count):
        given, family, trade = draw.choice(FIRST), draw.choice(LAST), draw.choice(TRADES)
        company = f"{draw.choice(LAST)} {trade}"
        domain = f"{company.replace(' ', '-').lower()}{number % 5000}.example"
        city, state = draw.choice(CITIES)
        since = FIRST_DAY + timedelta(minutes=number % 1_000_000)
        linkedin = f"https://www.linkedin.com/in/{given}-{family}-{number}/".lower() if draw.random() < 0.6 else ""
        by_email = not linkedin or draw.random() < 0.9
        yield {
            "status": draw.choices(statuses, weights)[0],
            "first_name": given,
            "last_name": family,
            "company": company,
            "title": f"Head of {trade}",
            "email": f"{given}.{family}{number}@{domain}" if by_email else "",
            "phone": f"({draw.randint(201, 989)}) 555-{number % 10000:04}" if draw.random() < 0.7 else "",
            "mobile": f"+1 415 {draw.randint(201, 989)} {number % 10000:04}" if draw.random() < 0.3 else "",
            "linkedin_url": linkedin,
            "website": f"https://{domain}/",
            "industry": draw.choice(INDUSTRIES),
            "employees": draw.choice((None, 5, 40, 250, 800, 12_000)),
            "street": f"{number % 900} Main St",
            "city": city,
            "state": state,
            "postal_code": f"{number % 90000 + 10000}",
            "country": "United States",
            "lead_source": draw.choice(SOURCES),
            "rating": draw.choice(("", "hot", "warm", "cold")),
            "description": f"Asked about {trade.lower()} for {company}, number {number}." if number % 3 == 0 else "",
            "since": since,
        }
