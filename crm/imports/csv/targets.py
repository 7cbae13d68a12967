"""What a column of a file can become, by kind of record: fields, links by what names a record, the status, dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import models

from accounts.models import Account, Contact
from contracts.models import Contract, Invoice, Opportunity
from crm import handbook
from crm.activities.models import Activity, Task
from crm.core.labels import field_label
from crm.core.phones import PhoneKey
from crm.core.records import Record
from crm.enquiries.models import Enquiry
from crm.imports.choices import FIXED
from crm.imports.csv.synonyms import SYNONYMS
from crm.workspace.fields import kind_of
from leads.models import Lead

LEFT_OUT, KEPT = "", "kept"
STATE, SINCE, CREATED, ID = "status", "status_since", "created", "id"
Options = Callable[[], list[tuple[str, str]]]
# Columns that are the program's own, or that moves write.
NOT_OFFERED = frozenset(("id", "version", "kept", "search", "criteria_met", "came_from", "queue", "updated_at"))
# What another system says of a record's past, though no form does.
PAST = {Opportunity: ("lost_reason",), Lead: ("nurture_reason", "come_back_on", "meeting_at"), Contract: (), Task: ()}
# What names a record in a cell. The first is what a bare column means.
NAMED_BY: Mapping[type[models.Model], tuple[str, ...]] = {
    Account: ("name", "domain", "elsewhere", "number"),
    Contact: ("email", "elsewhere", "number"),
    Lead: ("email", "linkedin", "elsewhere", "number"),
    Opportunity: ("elsewhere", "name", "number"),
    Contract: ("elsewhere", "name", "number"),
}
BY = {
    "name": "by name",
    "domain": "by domain",
    "email": "by email",
    "linkedin": "by LinkedIn URL",
    "elsewhere": "by id elsewhere",
    "number": "by number here",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a column can become.

    `kind` says how its cells are read: text, number, money, date, datetime, choice, link, yes_no, person, record,
    state, id. `column` is the model's attribute, `kept_as` the key of a field of one's own. `by` and `links` are of a
    record that the cell names.
    """

    key: str
    label: str
    kind: str
    column: str = ""
    options: Options | None = None
    kept_as: str = ""
    links: type[models.Model] | None = None
    by: str = ""
    names: tuple[str, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether its cells are days or times."""
        return self.kind in ("date", "datetime")

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return self.kind in ("number", "money")

    @property
    def worded(self) -> bool:
        """Whether its cells are words of a list."""
        return self.kind in ("choice", "state")


@dataclass(frozen=True, slots=True)
class Object:
    """One kind of record that a file can bring: what it is called, what a new one needs, what it is known by."""

    key: str
    label: str
    model: type[Record]
    needs: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    leaves_out: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """Its name as external ids and the change log have it."""
        return str(self.model._meta.model_name)

    @property
    def flow(self) -> str:
        """The name of its status, if it has one."""
        return str(getattr(self.model, "FLOW", ""))


OBJECTS = {
    one.key: one
    for one in (
        Object("lead", "Leads", Lead, (("email", "linkedin_url"),), ("elsewhere", "email", "linkedin")),
        Object("account", "Accounts", Account, (("name",),), ("elsewhere", "name", "domain", "linkedin")),
        Object(
            "contact", "Contacts", Contact, (("first_name", "last_name", "email"),), ("elsewhere", "email", "linkedin")
        ),
        Object("opportunity", "Opportunities", Opportunity, (("name",), ("account_id",)), ("elsewhere", "name")),
        Object("contract", "Contracts", Contract, (("name",), ("account_id",)), ("elsewhere", "name")),
        Object("invoice", "Invoices", Invoice, (("contract_id",),), ("elsewhere", "invoice_number")),
        Object(
            "touch",
            "Touches",
            Activity,
            (("kind",), ("happened_at",)),
            ("elsewhere",),
            frozenset(("violation_of", "violation_told_at")),
        ),
        Object(
            "enquiry",
            "Enquiries",
            Enquiry,
            (("channel",), ("received_at",)),
            ("elsewhere",),
            # Whose it is follows from who asked, as at every other door.
            frozenset(("lead", "contact", "account", "opportunity", "owner")),
        ),
        Object("task", "Tasks", Task, (("text",),), ("elsewhere",), frozenset(("made_by", "done_by"))),
    )
}
# A touch or a task is with or about one of these.
WITH = ("lead_id", "contact_id", "account_id", "opportunity_id", "contract_id")
KEY_LABELS = {
    "elsewhere": "Id elsewhere",
    "email": "Email",
    "linkedin": "LinkedIn URL",
    "domain": "Domain of the website",
    "name": "Name",
    "invoice_number": "Contract and invoice number",
}


def targets_of(what: Object) -> dict[str, Target]:
    """Everything that a column can become, by key, in the order in which it is offered."""
    found: list[Target] = [Target(ID, "Id elsewhere", ID, names=_names(what, ID))]
    if what.flow:
        flow: Any = what.model._meta.get_field(what.flow)
        label = field_label(flow)
        options = (lambda: list(FIXED["lead_status"])) if what.key == "lead" else partial(_choices, flow)
        found.append(Target(STATE, label, "state", what.flow, options, names=(what.flow, *_names(what, STATE))))
        found.append(
            Target(SINCE, f"In this {what.flow} since", "datetime", f"{what.flow}_since", names=_names(what, SINCE))
        )
    for column in what.model._meta.concrete_fields:
        if _offered(what, column):
            found += _targets_for(what, column)
    found.append(Target(CREATED, "Created", "datetime", "created_at", names=_names(what, CREATED)))
    if what.key == "task":
        found.append(Target("done_at", "Done", "datetime", "done_at", names=_names(what, "done_at")))
    for own in handbook.current().own_fields_of(what.name):
        entries = [(entry.key, entry.label) for entry in own.choices]
        found.append(
            Target(
                f"own:{own.key}",
                own.label,
                own.type,
                kept_as=own.kept_as or own.key,
                options=partial(list, entries) if own.type == "choice" else None,
                names=tuple(filter(None, (own.key, own.label, own.kept_as))),
            )
        )
    return {one.key: one for one in found}


def _offered(what: Object, column: models.Field[Any, Any]) -> bool:
    if column.primary_key or column.name in NOT_OFFERED or column.name in what.leaves_out:
        return False
    if isinstance(column, models.GeneratedField | PhoneKey | models.JSONField):
        return False
    if column.name in PAST.get(what.model, ()):
        return True
    return column.editable and column.name != what.flow


def _targets_for(what: Object, column: models.Field[Any, Any]) -> list[Target]:
    label, names = field_label(column), (column.name, str(column.verbose_name), *_names(what, column.name))
    if isinstance(column, models.ForeignKey):
        linked: Any = column.remote_field.model
        if linked._meta.label == "people.User":
            return [Target(column.name, label, "person", column.attname, names=names)]
        if linked not in NAMED_BY:
            return []
        ways = NAMED_BY[linked]
        return [
            Target(
                f"{column.name}:{by}",
                f"{label}, {BY[by]}",
                "record",
                column.attname,
                links=linked,
                by=by,
                names=(*_names(what, f"{column.name}:{by}"), *_names_by(names, by, first=by == ways[0])),
            )
            for by in ways
        ]
    options = partial(_choices, column) if column.choices else None
    return [Target(column.name, label, kind_of(column), column.attname, options, names=names)]


def _names_by(names: tuple[str, ...], by: str, *, first: bool) -> tuple[str, ...]:
    """A bare "account" means what accounts are mostly named by; "account id" the id elsewhere."""
    suffix = {"elsewhere": "id", "domain": "domain", "email": "email", "linkedin": "linkedin url", "name": "name"}
    own = tuple(f"{name} {suffix[by]}" for name in names) if by in suffix else ()
    return (*names, *own) if first else own


def _names(what: Object, key: str) -> tuple[str, ...]:
    return tuple(SYNONYMS.get(what.key, {}).get(key, "").split(", ")) if SYNONYMS.get(what.key, {}).get(key) else ()


def _choices(column: Any) -> list[tuple[str, str]]:
    return [(str(key), str(label)) for key, label in column.flatchoices if key != ""]


def folded(name: str) -> str:
    """A column's name as it is compared: `Engage_Date__c` and "engage date" are one."""
    return re.sub(r"[\W_]+", "", re.sub(r"__[cr]$", "", name.strip(), flags=re.IGNORECASE)).casefold()


def match_columns(header: list[str], targets: Mapping[str, Target]) -> dict[str, str]:
    """The target that each column's name means; a target is taken once, by the first column that fits it best.

    A name that means a field as it is called here comes before one that others call it by; what fits nothing is kept.
    """
    wanted: dict[str, tuple[int, str]] = {}
    for key, target in targets.items():
        for place, name in enumerate((key, target.label, *target.names)):
            known = folded(name)
            if known and (known not in wanted or place < wanted[known][0]):
                wanted[known] = (place, key)
    found: dict[str, str] = {}
    taken: set[str] = set()
    ranked = sorted(((wanted.get(folded(name), (999, KEPT)), name) for name in header), key=lambda one: one[0][0])
    for (_, key), name in ranked:
        column = targets[key].column or key if key in targets else ""
        if key in targets and column not in taken:
            taken.add(column)
            found[name] = key
        else:
            found[name] = KEPT
    return {name: found[name] for name in header}
