"""What somebody decided about a file: what each column becomes, how it is written, by what rows are known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from crm.core.errors import Missing
from crm.imports.csv.amounts import STYLES
from crm.imports.csv.dates import ORDERS
from crm.imports.csv.targets import (
    ID,
    KEPT,
    KEY_LABELS,
    LEFT_OUT,
    OBJECTS,
    WITH,
    Object,
    Target,
    match_columns,
    targets_of,
)

BOTH, CREATE, UPDATE = "both", "create", "update"
MODES = {BOTH: "Create and update", CREATE: "Create only", UPDATE: "Update only"}
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
YEAR = "year"
# What a person can be who is not known here: made as a user who cannot log in, or nobody.
NEW = "new"
RULES = "rules"
SYSTEM_NAME = re.compile(r"[a-z0-9][a-z0-9 _.-]{0,49}")
# By which target the key of each kind is given.
KEYED_BY = {
    "elsewhere": (ID,),
    "email": ("email",),
    "linkedin": ("linkedin_url",),
    "domain": ("website",),
    "name": ("name",),
    "invoice_number": ("number",),
}


@dataclass(frozen=True, slots=True)
class Column:
    """What one column becomes: a target's key, `kept`, or nothing; and how its dates or numbers are written."""

    to: str = KEPT
    format: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was decided. `people` are names and addresses to our user's id, `new` or nothing;
    `pattern` is the name of records whose file has none; `rest` what rows without an account or owner get."""

    object: str
    encoding: str = "utf-8"
    delimiter: str = ","
    columns: Mapping[str, Column] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    system: str = ""
    mode: str = BOTH
    pattern: str = ""
    account: int | None = None
    owner: str = ""

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Plan:
        """What `as_json` gave; names that are not known any more are passed over."""
        known = {name: kept[name] for name in cls.__dataclass_fields__ if name in kept}
        known["columns"] = {
            name: Column(str(one.get("to", "")), str(one.get("format", "")))
            for name, one in (known.get("columns") or {}).items()
        }
        return cls(**known)

    def as_json(self) -> dict[str, Any]:
        """As a run or a template keeps it."""
        return asdict(self)

    @property
    def what(self) -> Object:
        """The kind of record."""
        return OBJECTS[self.object]

    def column_of(self, key: str) -> str:
        """The column that becomes this target; empty when none does."""
        return next((name for name, one in self.columns.items() if one.to == key), "")

    def targets(self) -> dict[str, Target]:
        """What each mapped column becomes, by the column's name; a target that is gone is kept instead."""
        known = targets_of(self.what)
        return {name: known[one.to] for name, one in self.columns.items() if one.to in known}


def first_plan(object: str, header: list[str], *, encoding: str, delimiter: str, system: str = "") -> Plan:
    """The plan that the names of the columns suggest; nothing of it holds until somebody agrees."""
    what = OBJECTS[object]
    targets = targets_of(what)
    columns = {name: Column(to) for name, to in match_columns(header, targets).items()}
    plan = Plan(object, encoding, delimiter, columns, system=system)
    return replace(plan, key=next((one for one in what.keys if _has_key(plan, one)), ""))


def _has_key(plan: Plan, key: str) -> bool:
    # Names of opportunities and contracts come again and again: they are a key only when somebody says so.
    if key == "name" and plan.object != "account":
        return False
    return all(plan.column_of(one) for one in KEYED_BY[key])


def check_plan(plan: Plan, found: Mapping[str, Any]) -> list[Missing]:
    """What is still to be decided, or cannot be, each with the field of the page that would say it."""
    targets, missing = plan.targets(), []
    missing += _twice(plan, targets)
    for name, target in targets.items():
        missing += _format_missing(plan, name, target, found)
    missing += _needs(plan, targets)
    if plan.key:
        if plan.key not in plan.what.keys:
            missing.append(Missing("unknown_key", "Rows are not known by that.", "key"))
        elif any(not plan.column_of(one) for one in KEYED_BY[plan.key]):
            said = f"No column is the {KEY_LABELS[plan.key].lower()} by which rows are to be known."
            missing.append(Missing("no_key_column", said, "key"))
    elif plan.mode != CREATE:
        missing.append(Missing("no_key", "Say by what rows are known here, or only create.", "key"))
    elsewhere = plan.column_of(ID) or any(target.by == "elsewhere" for target in targets.values())
    if elsewhere and not SYSTEM_NAME.fullmatch(plan.system):
        said = "Name the system whose ids these are, in small letters: “salesforce”, “hubspot”, “old crm”."
        missing.append(Missing("no_system", said, "system"))
    for name in PLACEHOLDER.findall(plan.pattern):
        if name != YEAR and name not in plan.columns:
            missing.append(Missing("unknown_column", f"The file has no column “{name[:80]}”.", "pattern"))
    return missing


def _twice(plan: Plan, targets: Mapping[str, Target]) -> list[Missing]:
    by_column: dict[str, list[str]] = {}
    for name, target in targets.items():
        by_column.setdefault(target.column or target.key, []).append(name)
    return [
        Missing("target_twice", f"Two columns become one field: {' and '.join(names)}. Keep one of them.", "columns")
        for names in by_column.values()
        if len(names) > 1
    ]


def _format_missing(plan: Plan, name: str, target: Target, found: Mapping[str, Any]) -> list[Missing]:
    if not target.dated and not target.numeric:
        return []
    known = found.get("columns", {}).get(name, {}).get("dates" if target.dated else "numbers") or {}
    allowed: tuple[str, ...] = ORDERS if target.dated else STYLES
    if plan.columns[name].format in allowed or known.get("chosen"):
        return []
    if known.get("asked"):
        shown = ", ".join(f"“{one}”" for one in known["examples"]) or "its values"
        said = f"{name}: {shown} can be read in more than one way. Say how it is written."
        return [Missing("ambiguous_format", said, f"format:{name}")]
    return []


def _needs(plan: Plan, targets: Mapping[str, Target]) -> list[Missing]:
    """Columns without which no new record can be; an update needs only its key."""
    if plan.mode == UPDATE:
        return []
    given = {target.column or target.key for target in targets.values()}
    given |= {"name"} if plan.pattern else set()
    given |= {"account_id"} if plan.account else set()
    missing = []
    for need in plan.what.needs:
        if not given & set(need):
            labels = [target.label for target in targets_of(plan.what).values() if target.column in need]
            said = f"No column becomes {' or '.join(dict.fromkeys(labels))}, and a new record needs it."
            field = "pattern" if need == ("name",) else "columns"
            missing.append(Missing("needs_column", said, field))
    if plan.object in ("touch", "task") and not given & set(WITH):
        said = "No column says whom it is with: a lead, contact, account, opportunity or contract."
        missing.append(Missing("needs_column", said, "columns"))
    return missing


def format_of(plan: Plan, name: str, target: Target, found: Mapping[str, Any]) -> str:
    """How a column is written: as somebody chose, else as it was recognised."""
    if chosen := plan.columns[name].format:
        return chosen
    known = found.get("columns", {}).get(name, {}).get("dates" if target.dated else "numbers") or {}
    return str(known.get("chosen") or (ORDERS[0] if target.dated else STYLES[0]))


__all__ = [
    "BOTH",
    "CREATE",
    "KEPT",
    "LEFT_OUT",
    "MODES",
    "NEW",
    "RULES",
    "UPDATE",
    "YEAR",
    "Column",
    "Plan",
    "check_plan",
    "first_plan",
    "format_of",
]
