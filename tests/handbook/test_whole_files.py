"""Files that are wrong as a whole, in several places, or only in their form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crm.handbook import SHIPPED
from crm.handbook.problems import HandbookError, Problem
from crm.handbook.reader import read
from tests.handbook.conftest import Spoil


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(HandbookError) as error:
        read(path)
    return error.value.problems


def test_it_says_everything_that_is_wrong_at_once(refused: Spoil) -> None:
    """Wrong types do not hide broken rules, nor the other way round."""
    found = refused(
        ("mql_employees = 500", 'mql_employees = "many"'),
        ('zone = "America/Los_Angeles"', 'zone = "Mars"'),
        ('closes = "16:00"', 'closes = "05:00"'),
        ('label = "Trade show"', 'label = "Trade Show"'),
        ('"Hot" = "hot"', '"Hot" = "boiling"'),
        ("take_back_minutes", "take_back_minute"),
    )
    assert {problem.where for problem in found} == {
        "lead.mql_employees",
        "company.zone",
        "hours.closes",
        "lead.sources[16].label",
        "salesforce.rating.Hot",
        "lead.take_back_minute",
    }


def test_it_names_file_place_finding_and_remedy_in_one_line(refused: Spoil) -> None:
    (problem,) = refused(('label = "Trade show"', 'label = "Trade Show"'))
    file, said = str(problem).split(": ", 1)
    assert file.endswith("ours.toml")
    assert said.startswith('lead.sources[16].label: found "Trade Show"; allowed: "Trade show"')


def test_it_refuses_an_acronym_before_its_expansion(refused: Spoil) -> None:
    (problem,) = refused(('label = "Purchased list"', 'label = "NDA list"'))
    assert 'allowed: "Non-Disclosure Agreement (NDA) list"' in problem.allowed


def test_it_takes_an_acronym_after_its_expansion(written: Callable[..., Path]) -> None:
    read(
        written(
            ('label = "Purchased list"', 'label = "Non-Disclosure Agreement (NDA) list"'),
            ('"Seminar"', '"NDA seminar"'),
        )
    )


def test_it_takes_a_capital_that_is_listed_as_a_proper_noun(written: Callable[..., Path]) -> None:
    handbook = read(written(('label = "Trade show"', 'label = "Trade Show"'), ('"Zoom"', '"Zoom", "Trade Show"')))
    assert handbook.label("lead.sources", "trade_show") == "Trade Show"


def test_it_names_the_line_that_is_not_toml(written: Callable[..., Path]) -> None:
    path = written(("mql_employees = 500", "mql_employees = 500 people"))
    line = path.read_text().split("mql_employees")[0].count("\n") + 1
    (problem,) = problems(path)
    assert problem.where.startswith(f"line {line}, column ")


def test_it_names_the_end_of_a_file_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('[company]\nname = "Plumb')
    (problem,) = problems(path)
    assert "not TOML" in problem.found
    assert "end of" in problem.where or problem.where.startswith("line 2")


def test_it_refuses_a_table_that_is_given_twice(written: Callable[..., Path]) -> None:
    (problem,) = problems(written(("[account]\n", "[company]\n")))
    assert problem.where.startswith("line ")


def test_it_names_the_line_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_bytes(b'[company]\nname = "Caf\xe9"\n')
    (problem,) = problems(path)
    assert (problem.where, problem.found) == ("line 2", "bytes that are not UTF-8")


def test_it_says_that_a_file_is_missing(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "nowhere.toml")
    assert str(problem).startswith(f"{tmp_path / 'nowhere.toml'}: found No such file")


def test_it_refuses_a_folder(tmp_path: Path) -> None:
    assert problems(tmp_path)


def test_it_asks_an_empty_file_for_every_section(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text("")
    assert {problem.where for problem in problems(path)} == {
        *("company", "hours", "roles", "tabs", "lead", "touch", "opportunity", "industries", "account", "assignment"),
        *("contract", "salesforce", "words", "enquiry", "policies", "notices", "checkups", "reviews"),
    }


@pytest.mark.parametrize("value", ["1", '"x"', "[]", "[1]", "[[1]]", "{}", "{ a = {} }", "2024-01-01", "inf"])
@pytest.mark.parametrize(
    "section",
    [
        "company",
        "hours",
        "roles",
        "lead",
        "touch",
        "enquiry",
        "policies",
        "notices",
        "opportunity",
        "salesforce",
        "words",
    ],
)
def test_it_never_breaks_on_a_section_of_the_wrong_form(tmp_path: Path, section: str, value: str) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(f"{section} = {value}\n")
    assert section in " ".join(problem.where for problem in problems(path))


def test_it_reads_what_windows_editors_write(tmp_path: Path) -> None:
    """A byte order mark and other line ends are no other version of the handbook."""
    path = tmp_path / "ours.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes().replace(b"\n", b"\r\n"))
    assert read(path).sha256 == read(SHIPPED).sha256
