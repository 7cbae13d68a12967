"""What is asked of a batch beside its rows: the operation, whose ids they have, and whether it is all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm.core.api.problems import Flaw, bad_request
from crm.core.text import tidy
from crm.sync.bulk.rows import OPERATIONS
from crm.sync.models import ExternalId

if TYPE_CHECKING:
    from crm.core.api.views import RecordViewSet

NAMES = ("operation", "system", "all_or_nothing")
# Its records have addresses: /by/{system}/{external_id}/.
NO_SLASH = "The name of a system has no “/”: it is a part of addresses."


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one batch."""

    operation: str
    system: str = ""
    all_or_nothing: bool = False


def read_options(given: Mapping[str, str]) -> Options:
    """The options as they were sent.

    Raises:
        Problem: 400 `unknown_parameter` or `invalid`, with every one that will not do.
    """
    if unknown := [name for name in given if name not in NAMES]:
        names = ", ".join(f"“{name}”" for name in unknown)
        flaws = [Flaw(name, "unknown_parameter", f"“{name}” is no parameter here.") for name in unknown]
        raise bad_request("unknown_parameter", f"There is no {names} here: {', '.join(NAMES)}.", flaws)
    flaws = []
    operation, system, both = (given.get(name, "") for name in NAMES)
    if operation not in OPERATIONS:
        flaws.append(Flaw("operation", "invalid_choice", f"Say which: {', '.join(OPERATIONS)}."))
    longest: Any = ExternalId._meta.get_field("system").max_length  # type: ignore[union-attr]
    if "\x00" in system or len(tidy(system)) > longest or ("system" in given and not tidy(system)):
        flaws.append(Flaw("system", "invalid_system", f"The name of a system has from 1 to {longest} characters."))
    elif "/" in system:
        flaws.append(Flaw("system", "invalid_system", NO_SLASH))
    if both not in ("", "true", "false") or ("all_or_nothing" in given and not both):
        flaws.append(Flaw("all_or_nothing", "type", "Send true or false."))
    if flaws:
        raise bad_request("invalid", " ".join(flaw.message for flaw in flaws), flaws)
    return Options(operation, tidy(system), both == "true")


def scope_of(kind: type[RecordViewSet], operation: str) -> str:
    """The scope that an operation takes: what a single request takes for the same."""
    return kind().scope_for("destroy" if operation == "delete" else "create")
