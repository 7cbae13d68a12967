"""How labels are written (L15)."""

from __future__ import annotations

import pytest

from crm.handbook.wording import Wording

WORDING = Wording(
    ["LinkedIn", "Google AdWords", "Slack", "URL", "United States"],
    {"DNC": "Do Not Contact", "POC": "Proof of Concept", "PO": "Purchase Order", "URL": "Uniform Resource Locator"},
)


@pytest.mark.parametrize(
    "label",
    [
        "Bad data",
        "LinkedIn company URL",
        "Google AdWords",
        "Proof of concept",
        "Do Not Contact (DNC)",
        "Signed Purchase Orders (POs)",
        "No-show",
        "(#) of hosts",
        "Customer's United States office",
        "Größe",
        "",
    ],
)
def test_it_leaves_a_well_written_label_alone(label: str) -> None:
    assert WORDING.corrected(label, set()) == label


@pytest.mark.parametrize(
    ("label", "right"),
    [
        ("Bad Data", "Bad data"),
        ("bad data", "Bad data"),
        ("BAD DATA", "Bad data"),
        ("Self-Service", "Self-service"),
        ("Linkedin url", "LinkedIn URL"),
        ("google adwords", "Google AdWords"),
        ("DNC", "Do Not Contact (DNC)"),
        ("Do not contact (DNC)", "Do Not Contact (DNC)"),
        ("Useful POs", "Useful Purchase Orders (POs)"),
        ("Customer'S office", "Customer's office"),
    ],
)
def test_it_corrects_a_badly_written_one(label: str, right: str) -> None:
    assert WORDING.corrected(label, set()) == right


def test_it_lets_an_acronym_stand_alone_after_its_expansion() -> None:
    met: set[str] = set()
    assert WORDING.corrected("Proof of Concept (POC)", met) == "Proof of Concept (POC)"
    assert met == {"POC"}
    assert WORDING.corrected("Start of the POC", met) == "Start of the POC"


def test_it_takes_every_acronym_as_met_when_no_reader_is_given() -> None:
    assert WORDING.corrected("DNC since") == "DNC since"


def test_it_is_content_with_its_own_corrections() -> None:
    for label in ("Bad POC Data", "linkedin Dnc", "The PO URL"):
        once = WORDING.corrected(label, set())
        assert WORDING.corrected(once, set()) == once
