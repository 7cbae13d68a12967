"""The names of campaigns: the members of one are touches here, and a name says more than an id."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from crm.imports.salesforce.reading import Table, Unreadable, long_cells
from crm.imports.salesforce.values import read_id

NAME = "Campaign"
# A company has some thousands; beyond this the ids have to do.
MOST = 200_000
LONGEST = 255


def campaign_names(file: BinaryIO) -> dict[str, str]:
    """Name by id, as far as the file can be read: what is wrong with it costs names and no member."""
    names: dict[str, str] = {}
    try:
        with long_cells():
            table = Table(Path(f"{NAME}.csv"), file, lambda size: None, lambda *known: None)
            table.require(("Id", "Name"))
            ids, called = table.header.index("Id"), table.header.index("Name")
            for _, cells in table.rows():
                if len(names) >= MOST:
                    break
                names[read_id(cells[ids])] = " ".join(cells[called].split())[:LONGEST]
    except Unreadable:
        pass
    return names
