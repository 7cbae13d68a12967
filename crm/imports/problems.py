"""The problems for which rows are held: how many wait with each, what mends it, and which rows those are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from crm.core.errors import Refused
from crm.imports.models import FILE_CODES, HeldRow

# Code of the problem: what it is in a few words, the column that most often mends it, and what to do next.
KNOWN = {
    "no_email_or_linkedin": ("Nobody could be reached", "email", "Find an email or a LinkedIn profile URL for each."),
    "account_not_found": (
        "Their account is not here",
        "account_id",
        "Import the accounts first, or give each its account as the file names accounts: by id there, or by name.",
    ),
    "account_ambiguous": ("Several accounts have that name", "account_id", "Give each one that is meant by itself."),
    "contract_not_found": ("Their contract is not here", "contract_id", "Import the contracts first."),
    "several_match": ("Several records match", "", "Merge the duplicates, and import the file again."),
    "unmapped_value": ("Words that are not known here", "", "Choose what they mean, and import the file again."),
    "unresolved_link": ("Links to what is not here", "", "Import those first, then this file again."),
    "owner_not_found": ("People who are not known here", "", "Choose who they are, and import the file again."),
    "status_not_moved": ("Statuses that no move leads to", "", "Move them by hand."),
    "do_not_contact": ("Not to be contacted", "", "Nothing: they are stored, and barred."),
    "bad_date": ("Days that cannot be read", "", "They are kept with the record as they came."),
    "bad_number": ("Numbers that cannot be read", "", "They are kept with the record as they came."),
    "not_possible": ("What the database does not take", "", "Open one to see what is wrong."),
    "id_taken": ("Ids of other records", "", "Look which record is meant."),
    "opportunity_not_found": ("Their opportunity is not here", "opportunity_id", "Import Opportunity.csv first."),
    "contact_not_found": ("Their contact is not here", "contact_id", "Import Contact.csv first."),
    "nobody_known": ("With nobody who is known here", "", "Import Lead.csv and Contact.csv first, then release them."),
    "there_already": ("The same is here already", "", "Discard the second ones, or change what makes them the same."),
    "no_name": ("They have no name", "name", "Give each a name."),
    "no_name_or_email": ("They have neither name nor email", "last_name", "Give each a last name or an email."),
    "no_email": ("Users without an address", "email", "Give each user an email address."),
    "bad_email": ("The address is none", "email", "Correct each address."),
    "ragged_row": ("Too few or too many cells", "", "Mend the file and import it again, or discard them."),
    "broken_row": ("The row cannot be read", "", "Mend the file and import it again, or discard them."),
    "cell_too_long": ("A cell is too long", "", "Shorten it in the file and import it again, or discard them."),
    "no_id": ("The row has no id", "", "Mend the file and import it again, or discard them."),
    "duplicate_id": ("The id is in the file twice", "", "Mend the file and import it again, or discard them."),
    "deleted_there": ("Deleted in Salesforce", "", "Nothing, if they should stay away: discard them."),
}
MOST_COLUMNS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of one kind of row: how many rows wait with it. `mends` is the column that mends it."""

    code: str
    object: str
    count: int
    title: str
    mends: str
    next: str

    @property
    def in_file(self) -> bool:
        """Whether only the file can mend it."""
        return self.code in FILE_CODES

    @property
    def noun(self) -> str:
        """What the rows are, in words."""
        word = self.object.lower().replace("_", " ")
        return f"{word[:-1]}ies" if word.endswith("y") and self.count != 1 else word + ("s" if self.count != 1 else "")


def problem_of(code: str, object: str, count: int) -> Problem:
    """A problem in words; one that is not listed here says what its rows say."""
    title, mends, what = KNOWN.get(code, (code.replace("_", " ").capitalize(), "", "Open one to see what is wrong."))
    return Problem(code, object, count, title, mends, what)


def problems_waiting(rows: models.QuerySet[HeldRow] | None = None) -> list[Problem]:
    """Every problem that rows wait with, the most frequent first."""
    waiting = HeldRow.objects.waiting() if rows is None else rows
    found = waiting.order_by().values_list("code", "object").annotate(count=models.Count("pk"))
    return [problem_of(*one) for one in sorted(found, key=lambda one: (-one[2], one[0], one[1]))]


def who(held: HeldRow) -> str:
    """What a person would know the row by."""
    row = held.row
    name = " ".join(filter(None, (row.get("FirstName", ""), row.get("LastName", "")))) or row.get("Name", "")
    name = name or row.get("Subject", "") or row.get("Title", "")
    return ", ".join(filter(None, (name, row.get("Company", "")))) or held.external_id


def read_values(text: str, rows: Iterable[HeldRow]) -> dict[int, str]:
    """What was pasted or uploaded: a line each of id and value, the id there or the held row's number.

    Raises:
        Refused: `bad_lines`, with the first line that cannot be read, or that names no row of this problem.
    """
    by_id: dict[str, int] = {}
    for held in rows:
        by_id[held.external_id] = by_id[str(held.pk)] = held.pk
    found: dict[int, str] = {}
    try:
        lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
    except csv.Error as error:
        raise Refused("bad_lines", f"The lines cannot be read: {error}.") from error
    for number, cells in enumerate(lines, 1):
        if not any(cell.strip() for cell in cells):
            continue
        if number == 1 and cells[0].strip().lower() in ("id", "id there"):
            continue
        if len(cells) != 2:
            raise Refused("bad_lines", f"Line {number} is not an id and a value with a comma between them.")
        place = by_id.get(cells[0].strip())
        if place is None:
            raise Refused("bad_lines", f"Line {number}: no row of this problem has the id “{cells[0].strip()[:80]}”.")
        if place in found:
            raise Refused("bad_lines", f"Line {number}: “{cells[0].strip()[:80]}” was there already.")
        found[place] = cells[1].strip()
    return found
