"""What the reader refuses, one value at a time: each place, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crm.handbook import SHIPPED
from crm.handbook.reader import read
from tests.handbook.conftest import Spoil

SOURCE = '{ key = "web_chat", label = "Web chat" }'
LOST = 'label = "Closed lost", kind = "lost", probability = 0, forecast = "omitted"'


@pytest.mark.parametrize(
    ("old", "new", "where", "allowed"),
    [
        ("mql_employees = 500", "mql_employees = 0", "lead.mql_employees", "above 0"),
        ("mql_employees = 500", 'mql_employees = "500"', "lead.mql_employees", "a whole number"),
        ("mql_employees = 500", "mql_employees = true", "lead.mql_employees", "a whole number"),
        ("mql_employees = 500", "", "lead.mql_employees", "has to be given"),
        ("take_back_minutes = 60", "take_back_minutes = 1441", "lead.take_back_minutes", "up to 1440"),
        ("fiscal_year_start = 1", "fiscal_year_start = 13", "company.fiscal_year_start", "up to 12"),
        ("come_back_days = 180", "come_back_days = 0", "lead.nurture_reasons[1].come_back_days", "above 0"),
        ("come_back_days = 180", "come_back_days = -5", "lead.nurture_reasons[1].come_back_days", "above 0"),
        ('zone = "America/Los_Angeles"', 'zone = "Pacific"', "company.zone", "time zone"),
        ('# zone = "America/Los_Angeles"', 'zone = "PT"', "hours.zone", "time zone"),
        ('country = "US"', 'country = "USA"', "company.country", "two capital letters"),
        ('currency = "USD"', 'currency = "usd"', "company.currency", "three capital letters"),
        ('"gmail.com"', '"@gmail.com"', "company.free_mail[5]", "a domain"),
        ('"gmail.com"', '"GMAIL.com"', "company.free_mail[5]", "small letters"),
        ('opens = "06:00"', 'opens = "6 AM"', "hours.opens", '"06:00"'),
        ('opens = "06:00"', 'opens = "24:00"', "hours.opens", '"23:59"'),
        ('opens = "06:00"', "opens = 06:00:00", "hours.opens", '"06:00"'),
        ('"monday", ', '"Mon", ', "hours.days[0]", "monday, tuesday"),
        ('holidays = "US"', 'holidays = "DE"', "hours.holidays", "US, none"),
        ('rights = "service"', 'rights = "servce"', "roles[4].rights", 'did you mean "service"'),
        ('"held_rows", "imports"', '"held_row", "imports"', "roles[2].tabs[14]", 'did you mean "held_rows"'),
        ('scope = "domain"', 'scope = "company"', "lead.do_not_contact_reasons[1].scope", "person, domain, address"),
        ('key = "web_chat"', 'key = "Web chat"', "lead.sources[17].key", "small letters, digits and underscores"),
        ('label = "Website"', 'label = ""', "lead.sources[0].label", "at least 1"),
        ('label = "Website"', 'label = "Website "', "lead.sources[0].label", "without spaces at its ends"),
        ('label = "Website"', 'label = "Cafe\u0301"', "lead.sources[0].label", "decomposed accents"),
        (SOURCE, '"website"', "lead.sources[17]", "a table"),
        ("two_way = false", 'two_way = "no"', "touch.outcomes[1].two_way", "true or false"),
        ('BANT = "', 'bant = "', "words.acronyms.bant", "beginning with a capital"),
    ],
)
def test_it_refuses_a_value_that_cannot_be(refused: Spoil, old: str, new: str, where: str, allowed: str) -> None:
    (problem,) = refused((old, new))
    assert problem.where == where
    assert allowed in problem.allowed


def test_it_guesses_which_key_was_meant_and_does_not_miss_it_a_second_time(refused: Spoil) -> None:
    (problem,) = refused(("mql_employees", "mql_employes"))
    assert problem.where == "lead.mql_employes"
    assert 'did you mean "mql_employees"?' in problem.allowed


def test_it_guesses_a_misspelt_key_inside_a_list(refused: Spoil) -> None:
    (problem,) = refused((SOURCE, '{ key = "web_chat", lable = "Web chat" }'))
    assert problem.where == "lead.sources[17].lable"
    assert 'did you mean "label"?' in problem.allowed


def test_it_lists_the_known_names_for_a_section_it_does_not_know(refused: Spoil) -> None:
    (problem,) = refused(("[company]", "[weather]\nsun = true\n[company]"))
    assert problem.where == "weather"
    assert "company, hours, other_hours, roles" in problem.allowed


def test_it_refuses_hours_that_close_before_they_open(refused: Spoil) -> None:
    (problem,) = refused(('closes = "16:00"', 'closes = "05:00"'))
    assert str(problem).endswith('hours.closes: found "05:00"; allowed: a time after hours.opens, "06:00"')


def test_it_refuses_hours_that_close_when_they_open(refused: Spoil) -> None:
    assert [problem.where for problem in refused(('closes = "16:00"', 'closes = "06:00"'))] == ["hours.closes"]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('key = "web_chat"', 'key = "website"', "lead.sources[17].key"),
        ('label = "Webinar"', 'label = "Website"', "lead.sources[18].label"),
        ('"gmx.com"', '"gmail.com"', "company.free_mail[6]"),
        ('key = "ae"', 'key = "sdr"', "roles[1].key"),
        ('title = "Customer health"', 'title = "All accounts"', "views[2].title"),
        ('"Nurturing" =', '"new" =', "salesforce.lead_status.new"),
    ],
)
def test_it_refuses_the_same_thing_twice_in_a_list(refused: Spoil, old: str, new: str, where: str) -> None:
    (problem,) = refused((old, new))
    assert problem.where == where
    assert "a second time" in problem.found


def test_it_refuses_a_file_without_an_administrator(refused: Spoil) -> None:
    (problem,) = refused(('rights = "administrator"', 'rights = "manager"'))
    assert problem.where == "roles"
    assert "administrator" in problem.found


def test_it_refuses_a_tab_that_is_not_described(refused: Spoil) -> None:
    problems = refused(('    { key = "held_rows", label = "Held rows", default_filter = "Waiting" },\n', ""))
    assert [problem.where for problem in problems] == ["roles[2].tabs[14]", "roles[3].tabs[14]"]
    assert "not under tabs" in problems[0].found


def test_it_refuses_stages_of_which_none_is_open(refused: Spoil) -> None:
    keys = [stage.key for stage in read(SHIPPED).open_stages]
    assert "no open stage" in [p.found for p in refused(*[('kind = "open"', 'kind = "lost"') for _ in keys])]


@pytest.mark.parametrize(("old", "kind"), [('kind = "won", probability = 100', "won"), ('kind = "lost"', "lost")])
def test_it_refuses_stages_without_one_that_is_won_and_one_that_is_lost(refused: Spoil, old: str, kind: str) -> None:
    problems = refused((old, 'kind = "open"'))
    assert f'0 stages with kind = "{kind}"' in [problem.found for problem in problems]


def test_it_refuses_two_won_stages(refused: Spoil) -> None:
    problems = refused((LOST, 'label = "Closed early", kind = "won", probability = 100, forecast = "closed"'))
    assert '2 stages with kind = "won"' in [problem.found for problem in problems]


def test_it_refuses_an_open_stage_after_a_closed_one(refused: Spoil) -> None:
    opening = '    { key = "discovery", label = "Discovery"'
    second = opening + SHIPPED.read_text(encoding="utf-8").split(opening)[1].split("    ] },")[0] + "    ] },"
    problems = refused((second, ""), ('closed_lost", ' + LOST + " },", 'closed_lost", ' + LOST + " },\n" + second))
    assert [problem.found for problem in problems] == ["an open stage after a closed one"]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("probability = 100", "probability = 90", "opportunity.stages[7].probability"),
        (LOST, LOST.replace("= 0", "= 5"), "opportunity.stages[8].probability"),
        ('forecast = "omitted"', 'forecast = "commit"', "opportunity.stages[8].forecast"),
        ('forecast = "commit"', 'forecast = "closed"', "opportunity.stages[6].forecast"),
    ],
)
def test_it_refuses_figures_that_contradict_the_stage(refused: Spoil, old: str, new: str, where: str) -> None:
    assert [problem.where for problem in refused((old, new))] == [where]


def test_it_refuses_a_reason_for_returning_that_is_no_lost_reason(refused: Spoil) -> None:
    (problem,) = refused(('returned_reason = "returned"', 'returned_reason = "returnd"'))
    assert 'did you mean "returned"' in problem.allowed


def test_it_refuses_an_outcome_of_an_unknown_kind(refused: Spoil) -> None:
    (problem,) = refused(('kinds = ["meeting"]', 'kinds = ["meetings"]'))
    assert problem.where == "touch.outcomes[7].kinds[0]"
    assert 'did you mean "meeting"' in problem.allowed


def test_it_refuses_proof_of_contact_that_reached_nobody(refused: Spoil) -> None:
    (problem,) = refused(("response = true, two_way = true", "response = false, two_way = true"))
    assert problem.where == "touch.outcomes[0].response"


DRIVE = "https://drive.google.com/drive/search?q=invoice%20{name}"
OWN = '[[own_fields]]\nobject = "account"\nkey = "license_type"\nlabel = "License type"\ntype = "text"\n'


@pytest.mark.parametrize(
    ("old", "new", "where", "allowed"),
    [
        ('rate = "1.10"', "rate = 1.10", "company.rates[0].rate", "text in quotes"),
        ('rate = "1.10"', 'rate = "0"', "company.rates[0].rate", "above 0"),
        ("since = 2020-01-01", 'since = "yesterday"', "company.rates[0].since", "a date, without quotes"),
        ("most_days = 21", "most_days = 0", "opportunity.stages[0].most_days", "above 0"),
        ("grace_days = 30", "grace_days = -1", "account.grace_days", "above 0"),
        (DRIVE, "http://drive.google.com/?q={name}", "layouts[0].links[2].url", "https"),
        (DRIVE, "https://{name}.example.com/", "layouts[0].links[2].url", "behind the host"),
        (DRIVE, "https://example.com/{password}", "layouts[0].links[2].url", "no other marks"),
        (DRIVE, "javascript:alert(1)", "layouts[0].links[2].url", "https"),
        ('url = "https://example.com/sales/video"', 'url = "sales/video"', "material[2].url", "https"),
    ],
)
def test_it_refuses_rates_days_and_addresses_that_cannot_be(
    refused: Spoil, old: str, new: str, where: str, allowed: str
) -> None:
    (problem,) = refused((old, new))
    assert problem.where == where
    assert allowed in problem.allowed


def test_it_refuses_a_second_view_of_one_key_and_a_second_layout_of_one_kind(refused: Spoil) -> None:
    (view,) = refused(('key = "all_accounts"', 'key = "customers"'))
    assert view.where == "views[1].key"
    layout, expected = refused(('[[layouts]]\nobject = "contact"', '[[layouts]]\nobject = "opportunity"'))
    assert (layout.where, expected.where) == ("layouts[2].object", "checkups.pages[2].object")


def test_two_kinds_of_record_may_have_views_of_one_key(written: Callable[..., Path]) -> None:
    assert read(written(('key = "all_accounts"', 'key = "all_contacts"'))).views[1].key == "all_contacts"


def test_it_refuses_a_tab_that_opens_on_a_view_that_is_not_there(refused: Spoil) -> None:
    problem, expected = refused(('default_filter = "Customers"', 'default_filter = "Clients"'))
    assert (problem.where, "Customers" in problem.allowed) == ("tabs[2].default_filter", True)
    assert expected.where == "checkups.pages[0].default_filter"


def test_it_refuses_a_field_in_a_section_a_second_time(refused: Spoil) -> None:
    (problem,) = refused(('fields = ["name", "rating", ', 'fields = ["name", "name", "rating", '))
    assert problem.where == "layouts[0].sections[0].fields[1]"


def test_it_refuses_a_field_of_ones_own_that_does_not_go_with_its_choices(refused: Spoil) -> None:
    (problem,) = refused(("[[views]]", OWN.replace('"text"', '"choice"') + "\n[[views]]"))
    assert problem.where == "own_fields[0]"


def test_it_refuses_a_field_of_ones_own_a_second_time_on_one_kind_of_record(refused: Spoil) -> None:
    (problem,) = refused(("[[views]]", OWN + OWN + "\n[[views]]"))
    assert problem.where == "own_fields[1].key"


def test_two_kinds_of_record_may_have_a_field_of_ones_own_of_one_key(written: Callable[..., Path]) -> None:
    both = OWN + OWN.replace('"account"', '"contact"')
    assert len(read(written(("[[views]]", both + "\n[[views]]"))).own_fields) == 2
