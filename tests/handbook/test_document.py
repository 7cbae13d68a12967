"""What the rest of the code asks of a handbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from crm.handbook import SHIPPED, current, use
from crm.handbook.document import Handbook
from crm.handbook.reader import read


@pytest.fixture(scope="module")
def handbook() -> Handbook:
    return read(SHIPPED)


def test_it_gives_choices_in_the_order_of_the_file(handbook: Handbook) -> None:
    assert handbook.choices("lead.ratings") == [("hot", "Hot"), ("warm", "Warm"), ("cold", "Cold")]


@pytest.mark.parametrize("place", ["lead", "company.name"])
def test_it_says_so_when_a_place_is_no_list(handbook: Handbook, place: str) -> None:
    with pytest.raises(KeyError, match=f"{place} is no list"):
        handbook.choices(place)


def test_it_shows_a_stored_word_that_left_the_file_as_it_is(handbook: Handbook) -> None:
    assert handbook.label("lead.sources", "website") == "Website"
    assert handbook.label("lead.sources", "fax") == "fax"


def test_it_names_what_is_known_when_asked_for_an_unknown_stage(handbook: Handbook) -> None:
    assert handbook.stage("justification").probability == 70
    with pytest.raises(KeyError, match="discovery"):
        handbook.stage("prospecting")


def test_it_keeps_open_stages_apart_from_the_two_that_close(handbook: Handbook) -> None:
    assert [stage.key for stage in handbook.open_stages][0::6] == ["meeting_set", "negotiation"]
    assert (handbook.won_stage.key, handbook.lost_stage.key) == ("closed_won", "closed_lost")


def test_it_finds_outcomes_by_the_kind_of_touch(handbook: Handbook) -> None:
    assert [outcome.key for outcome in handbook.outcomes_of("note")] == ["noted"]
    assert handbook.outcome("voicemail").response


def test_it_looks_salesforce_words_up_without_regard_to_capitals_and_outer_spaces(handbook: Handbook) -> None:
    assert handbook.from_salesforce("rating", " hOt ") == "hot"
    assert handbook.from_salesforce("rating", "Lukewarm") is None


def test_it_cannot_be_changed_after_reading(handbook: Handbook) -> None:
    with pytest.raises(ValidationError):
        handbook.lead.mql_employees = 1  # type: ignore[misc]


def test_it_hashes_the_text_so_that_a_changed_comment_is_another_version(
    handbook: Handbook, written: Callable[..., Path]
) -> None:
    assert handbook.text == SHIPPED.read_text(encoding="utf-8")
    assert read(written()).sha256 == handbook.sha256
    assert read(written(("# The handbook of this company", "# Our handbook"))).sha256 != handbook.sha256


def test_it_lists_every_value_under_its_full_place(handbook: Handbook) -> None:
    lines = list(handbook.lines())
    assert "lead.mql_employees = 500" in lines
    assert 'lead.ratings[1].label = "Warm"' in lines
    assert 'salesforce.lead_status."Open - Not Contacted" = "new"' in lines
    assert lines == list(read(SHIPPED).lines())


def test_it_is_read_once_and_another_can_be_used_for_a_while(handbook: Handbook) -> None:
    ours = current()
    assert current() is ours
    with use(handbook):
        assert current() is handbook
    assert current() is ours
