"""What pages, commands and tasks call: moving in from another system, and letting go what waited for a person."""

from crm.imports.folders import import_folder
from crm.imports.held import (
    Released,
    discard_held_row,
    discard_held_rows,
    release_held_row,
    release_held_rows,
    take_back_discard,
)

__all__ = [
    "Released",
    "discard_held_row",
    "discard_held_rows",
    "import_folder",
    "release_held_row",
    "release_held_rows",
    "take_back_discard",
]
