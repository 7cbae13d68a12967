"""A handbook that names fields or panels that are not there is said to be wrong before anybody works by it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from crm.handbook import SHIPPED
from crm.handbook.checks import check_handbook


def write(tmp_path: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """The shipped handbook with passages replaced."""
    text = SHIPPED.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / "ours.toml"
    path.write_text(text + more)
    return path


# Of contracts: what accounts, opportunities, contacts and leads have to show, checkups say once more.
DATES = 'top = ["account", "status", "effective_date"'
CUSTOMERS = 'columns = ["name", "type", "industry", "owner", "contracted_hosts"'


@pytest.mark.parametrize(
    ("old", "new", "place", "known"),
    [
        (DATES, DATES.replace("effective", "efective"), "layouts[4].top", "effective_date"),
        ('"status_history", "activity_feed"', '"status_histori", "activity_feed"', "layouts[4].right", "activity_feed"),
        (CUSTOMERS, CUSTOMERS.replace("type", "tipe"), "views[0].columns", "type"),
        ('filters = [{ field = "open"', 'filters = [{ field = "opened"', "views[4].filters", "open"),
    ],
)
def test_it_says_what_is_not_there_and_what_is(
    settings: Settings, tmp_path: Path, old: str, new: str, place: str, known: str
) -> None:
    settings.CRM_HANDBOOK = str(write(tmp_path, (old, new)))
    [error] = check_handbook()
    assert place in error.msg
    assert known in (error.hint or "")


def test_a_field_of_ones_own_may_be_named_and_may_not_hide_one_of_the_program(
    settings: Settings, tmp_path: Path
) -> None:
    own = '\n[[own_fields]]\nobject = "lead"\nkey = "{}"\nlabel = "Shoe size"\ntype = "number"\n'
    named = ('fields = ["description"]', 'fields = ["description", "shoe_size"]')
    settings.CRM_HANDBOOK = str(write(tmp_path, named, more=own.format("shoe_size")))
    assert check_handbook() == []
    settings.CRM_HANDBOOK = str(write(tmp_path, more=own.format("company")))
    [error] = check_handbook()
    assert "which the program has itself" in error.msg


def test_the_command_that_tries_a_file_says_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, (DATES, DATES.replace("effective", "efective")))
    err = StringIO()
    with pytest.raises(SystemExit):
        call_command("handbook", "--check", str(path), stderr=err)
    assert "A contract has no field “efective_date”. Is “effective_date” meant?" in err.getvalue()
