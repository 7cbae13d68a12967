"""Invented people and companies: any likeness is chance, and addresses that end in .example reach nobody."""

from __future__ import annotations

from typing import NamedTuple


class Company(NamedTuple):
    """A company that a lead works for or that buys from us."""

    name: str
    industry: str
    employees: int | None
    city: str
    state: str

    @property
    def domain(self) -> str:
        """Its domain, which no company can register."""
        return f"{self.name.lower().replace(' ', '').replace('&', 'and')}.example"


class Person(NamedTuple):
    """Somebody who works there."""

    first_name: str
    last_name: str
    title: str

    def email_at(self, company: Company) -> str:
        """Their address at work."""
        return f"{self.first_name}.{self.last_name}@{company.domain}".lower()


def _companies(text: str) -> list[Company]:
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [Company(name, industry, int(number) or None, city, state) for name, industry, number, city, state in rows]


# Name, industry, employees (0: not known), city, state.
PROSPECTS = _companies("""
    Quillback Freight | shipping | 820 | Oakland | CA
    Ternwood Health | healthcare | 2400 | Sacramento | CA
    Mossgate Bank | banking | 5100 | Portland | OR
    Copperline Energy | energy | 1350 | Denver | CO
    Larkfield Foods | food_and_beverage | 610 | Fresno | CA
    Hollowell Insurance | insurance | 3900 | Hartford | CT
    Brindle Robotics | machinery | 240 | Boulder | CO
    Saltbox Retail | retail | 7200 | Seattle | WA
    Evenside Media | media | 130 | Austin | TX
    Kestrel Ridge Mining | construction | 980 | Reno | NV
    Fennimore Labs | biotechnology | 450 | San Diego | CA
    Wickery Logistics | transportation | 1700 | Phoenix | AZ
    Amberquay Hotels | hospitality | 2900 | Honolulu | HI
    Dovetail & Rye | consulting | 85 | Boise | ID
    Northlatch Telecom | telecommunications | 4300 | Spokane | WA
    Pellworm Semiconductors | electronics | 1150 | San Jose | CA
    Thistledown Schools | education | 690 | Eugene | OR
    Harrowgate Steel | manufacturing | 3600 | Pueblo | CO
    Umber Analytics | technology | 75 | Oakland | CA
    Yarrow Utilities | utilities | 2100 | Tucson | AZ
    Sandglass Games | entertainment | 310 | Los Angeles | CA
    Cobbleton Apparel | apparel | 540 | Long Beach | CA
    Windrow Agritech | agriculture | 160 | Modesto | CA
    Ivorydale Pharma | biotechnology | 0 | La Jolla | CA
    Basalt Cloud | technology | 900 | Bend | OR
    Greywether Finance | finance | 1250 | Salt Lake City | UT
    Lanternfish Security | technology | 210 | Seattle | WA
    Oxbow Rail | transportation | 3300 | Omaha | NE
    Plover Dental | healthcare | 95 | Tacoma | WA
    Ravensley Chemicals | chemicals | 1900 | Houston | TX
    Skerry Outdoor | recreation | 280 | Bozeman | MT
    Tallgrass Grid | energy | 720 | Wichita | KS
    Undercroft Wines | food_and_beverage | 60 | Napa | CA
    Vantry Aerospace | engineering | 2700 | Tucson | AZ
    Whitlock Paper | manufacturing | 860 | Eugene | OR
    Zephyrine Air | transportation | 4800 | Dallas | TX
    Alderpoint Clinics | healthcare | 1400 | Eureka | CA
    Bluewick Payments | finance | 330 | San Francisco | CA
    Cinderbank Credit | banking | 640 | Las Vegas | NV
    Driftwood County | government | 0 | Astoria | OR
    Eastlock Storage | technology | 180 | Provo | UT
    Farthing Legal | consulting | 410 | Denver | CO
    Gannet Shipping | shipping | 1250 | Tacoma | WA
    Hearthside Homes | construction | 520 | Boise | ID
""")

CUSTOMERS = _companies("""
    Millrace Software | technology | 640 | San Francisco | CA
    Penhallow Health | healthcare | 3100 | Sacramento | CA
    Stonecrop Mutual | insurance | 2200 | Des Moines | IA
    Arbutus Bank | banking | 5400 | Seattle | WA
    Tideway Logistics | shipping | 1500 | Oakland | CA
    Corvane Energy | energy | 980 | Denver | CO
    Juniper Hill Schools | education | 720 | Portland | OR
    Overstrand Media | media | 350 | Los Angeles | CA
    Rookwood Materials | manufacturing | 1800 | Phoenix | AZ
    Selkie Pay | finance | 260 | San Francisco | CA
    Tamarack Grid | utilities | 2600 | Boise | ID
    Vellum Legal | consulting | 190 | San Diego | CA
""")

FIRST_NAMES = """
    Ines Tobias Marisol Kofi Hanna Declan Yuki Farah Bruno Imani Oskar Leila Mateus Greta Anil Simone Rafael Nadia
    Pavel Odile Caleb Aiko Esther Jonas Miriam Tariq Lucia Henrik Zainab Felix Corinne Dario Mei Stefan Adaeze
    Luca Freya Omar Beatriz Niels
""".split()
LAST_NAMES = """
    Abernethy Baptiste Castellano Dufour Eklund Farrow Gallagher Hoshino Ibarra Jankowski Kowal Lindqvist Mbeki
    Novotny Okonkwo Pereira Quigley Rasmussen Sandoval Tanaka Underhill Vasquez Whitcombe Yilmaz Zielinski
    Ainsworth Bergstrom Calloway Desrosiers Engstrom Fontaine Grimaldi Haverford Ingram Jorgensen Kapoor Lombardi
    Marchetti Nakamura Oyelaran Pemberton Rousseau Stavros Thorvald Ulrich Vandermeer Winslow Xanthos Yamada
    Zeller Ashdown Brandvold Cardenas Delacroix Eastman Fairbanks
""".split()
TITLES = (
    "Chief Information Security Officer",
    "Head of Security",
    "Director of IT",
    "VP Engineering",
    "Compliance Manager",
    "Security Engineer",
    "IT Operations Manager",
    "Chief Technology Officer",
    "Procurement Lead",
    "Head of Platform",
)


def person(number: int) -> Person:
    """The same person for the same number; no two of the first 280 share a name."""
    first = FIRST_NAMES[(number * 7) % len(FIRST_NAMES)]
    return Person(first, LAST_NAMES[(number * 5) % len(LAST_NAMES)], TITLES[(number * 3) % len(TITLES)])
