"""Maps from Salesforce lead to words that exist, and never in or out of Do Not Contact."""

from __future__ import annotations

import pytest

from tests.handbook.conftest import Spoil


@pytest.mark.parametrize(
    ("old", "new", "where", "allowed"),
    [
        (
            '"Prospecting" = "meeting_set"',
            '"Prospecting" = "meeting_sat"',
            "stage.Prospecting",
            'did you mean "meeting_set"',
        ),
        ('"Web" = "website"', '"Web" = "web"', "lead_source.Web", "webinar"),
        ('"Hot" = "hot"', '"Hot" = "hott"', "rating.Hot", 'did you mean "hot"'),
        (
            '"New Customer" = "new_business"',
            '"New Customer" = "new"',
            'opportunity_type."New Customer"',
            "new_business",
        ),
        ('"Integrator" = "partner"', '"Integrator" = "partners"', "account_type.Integrator", 'did you mean "partner"'),
        ('"Utility" = "utilities"', '"Utility" = "utility"', "industry.Utility", 'did you mean "utilities"'),
        ('"Nurturing" = "closed_nurture"', '"Nurturing" = "nurture"', "lead_status.Nurturing", "closed_nurture"),
    ],
)
def test_it_refuses_a_map_to_an_unknown_key(refused: Spoil, old: str, new: str, where: str, allowed: str) -> None:
    (problem,) = refused((old, new))
    assert problem.where == f"salesforce.{where}"
    assert allowed in problem.allowed


@pytest.mark.parametrize("theirs", ["Unqualified", "Closed do not contact"])
def test_it_refuses_a_map_to_do_not_contact(refused: Spoil, theirs: str) -> None:
    (problem,) = refused(('"Unqualified" = "closed_nurture"', f'"{theirs}" = "closed_do_not_contact"'))
    assert problem.where.startswith("salesforce.lead_status.")
    assert "closed_do_not_contact" not in problem.allowed


def test_it_refuses_a_rating_that_accounts_do_not_have(refused: Spoil) -> None:
    """One map serves the ratings of leads and of accounts; the second list of ratings in the file is the accounts'."""
    cold = '{ key = "cold", label = "Cold" }'
    problems = refused((cold, '{ key = "icy", label = "Icy" }'))
    assert [problem.found for problem in problems] == ['"cold", which is not under lead.ratings']
    problems = refused((cold, "LEADS"), (cold, '{ key = "icy", label = "Icy" }'), ("LEADS", cold))
    assert [problem.found for problem in problems] == ['"cold", which is not under account.ratings']
