"""What pydantic cannot see: rules between places of the file.

They look at the file as it was parsed, not at the checked models, and pass over what has the wrong form: that is said
elsewhere, and all that is wrong with a file is said at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from crm.handbook.expectation_rules import broken_expectations
from crm.handbook.problems import Place, one_of, written_place, written_value
from crm.handbook.promise_rules import broken_promises
from crm.handbook.raw import Raw, at, keys, tables, texts
from crm.handbook.ritual_rules import broken_rituals
from crm.handbook.schema import RECORD_TABS
from crm.handbook.structure import Found
from crm.handbook.wording import Wording

Rule = Callable[[Raw], Iterator[Found]]
# Where the keys on the right of each Salesforce map come from; the statuses of a lead are in the schema.
LISTS_OF_MAPS: dict[str, tuple[Place, ...]] = {
    "stage": (("opportunity", "stages"),),
    "lead_source": (("lead", "sources"),),
    "rating": (("lead", "ratings"), ("account", "ratings")),
    "opportunity_type": (("opportunity", "types"),),
    "account_type": (("account", "types"),),
    "industry": (("industries",),),
    "task_type": (("touch", "kinds"),),
    "task_outcome": (("touch", "outcomes"),),
    "contact_role": (("opportunity", "contact_roles"),),
}


def broken(raw: Raw) -> Iterator[Found]:
    """Every rule's findings on a parsed file."""
    whole = (_once_in_a_list, _labels, _roles, _stages, _returned, broken_promises)
    places = (_workspace, _own_fields, broken_rituals, broken_expectations)
    for rule in (*whole, _outcome_kinds, _assignment, *places, _salesforce_values):
        yield from rule(raw)


def _lists(value: object, place: Place = ()) -> Iterator[tuple[Place, list[Any]]]:
    """Every list of the file with its place, in the order of the file."""
    if isinstance(value, list):
        yield place, value
    parts: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for part, inner in parts:
        yield from _lists(inner, (*place, part))


def _once_in_a_list(raw: Raw) -> Iterator[Found]:
    """A key twice would make one of the two unreachable; a label twice, two choices that look the same."""
    for place, items in _lists(raw):
        yield from _repeated([((*place, n), text) for n, text in texts(items)])
        for name in ("key", "label") if place not in (("own_fields",), ("views",)) else ():
            values = [(n, entry.get(name)) for n, entry in enumerate(items) if isinstance(entry, dict)]
            yield from _repeated([((*place, n, name), text) for n, text in values if isinstance(text, str)])


def _repeated(items: list[tuple[Place, str]]) -> Iterator[Found]:
    seen: set[str] = set()
    for place, text in items:
        if text.casefold() in seen:
            yield place, f"{written_value(text)} a second time", "allowed: each once"
        seen.add(text.casefold())


def _labels(raw: Raw) -> Iterator[Found]:
    """L15: sentence case, and an acronym expanded where the file first uses it."""
    nouns = [text for _, text in texts(at(raw, "words", "proper_nouns"))]
    acronyms = at(raw, "words", "acronyms")
    known = {k: v for k, v in acronyms.items() if isinstance(v, str)} if isinstance(acronyms, dict) else {}
    wording, introduced = Wording(nouns, known), set[str]()
    for place, items in _lists(raw):
        for n, entry in enumerate(items):
            for name in ("label", "title", "default_filter"):
                label = entry.get(name) if isinstance(entry, dict) else None
                if isinstance(label, str) and (right := wording.corrected(label, introduced)) != label:
                    allowed = f"allowed: {written_value(right)}, or the capitals listed under words"
                    yield (*place, n, name), written_value(label), allowed


def _roles(raw: Raw) -> Iterator[Found]:
    roles = tables(raw, "roles")
    if roles and not any(role.get("rights") == "administrator" for _, role in roles):
        yield ("roles",), "no role with the rights of an administrator", 'at least one needs rights = "administrator"'
    described = keys(raw, "tabs")
    for n, role in roles:
        for m, tab in texts(role.get("tabs")):
            if tab not in described:
                yield ("roles", n, "tabs", m), f"{written_value(tab)}, which is not under tabs", one_of(described, tab)


def _stages(raw: Raw) -> Iterator[Found]:
    """Advance and step back walk the open stages in order; win and lose go to the one stage of their kind."""
    stages = tables(raw, "opportunity", "stages")
    place: Place = ("opportunity", "stages")
    if not stages:
        return
    kinds = [stage.get("kind") for _, stage in stages]
    if "open" not in kinds:
        yield place, "no open stage", 'at least one needs kind = "open"'
    for kind in ("won", "lost"):
        if kinds.count(kind) != 1:
            yield place, f'{kinds.count(kind)} stages with kind = "{kind}"', "there has to be exactly one"
    closed = False
    for n, stage in stages:
        if stage.get("kind") == "open" and closed:
            yield (*place, n), "an open stage after a closed one", "open stages come first, in the order of the work"
        closed = closed or stage.get("kind") in ("won", "lost")
        yield from _figures(stage, (*place, n))


def _figures(stage: Raw, place: Place) -> Iterator[Found]:
    """A forecast adds by these two, so they may not contradict the stage."""
    kind, probability, forecast = stage.get("kind"), stage.get("probability"), stage.get("forecast")
    fixed = {"won": (100, "closed"), "lost": (0, "omitted")}.get(str(kind))
    if fixed and isinstance(probability, int) and probability != fixed[0]:
        yield (*place, "probability"), written_value(probability), f"allowed in a {kind} stage: {fixed[0]}"
    if fixed and isinstance(forecast, str) and forecast != fixed[1]:
        yield (*place, "forecast"), written_value(forecast), f'allowed in a {kind} stage: "{fixed[1]}"'
    if kind == "open" and forecast == "closed":
        allowed = "allowed in an open stage: pipeline, best_case, commit, omitted"
        yield (*place, "forecast"), written_value(forecast), allowed


def _returned(raw: Raw) -> Iterator[Found]:
    reason, known = at(raw, "opportunity", "returned_reason"), keys(raw, "opportunity", "lost_reasons")
    if isinstance(reason, str) and reason not in known:
        place: Place = ("opportunity", "returned_reason")
        yield place, f"{written_value(reason)}, which is not under opportunity.lost_reasons", one_of(known, reason)


def _outcome_kinds(raw: Raw) -> Iterator[Found]:
    known = keys(raw, "touch", "kinds")
    for n, outcome in tables(raw, "touch", "outcomes"):
        place: Place = ("touch", "outcomes", n)
        for m, kind in texts(outcome.get("kinds")):
            if kind not in known:
                found = f"{written_value(kind)}, which is not under touch.kinds"
                yield (*place, "kinds", m), found, one_of(known, kind)
        if outcome.get("two_way") is True and outcome.get("response") is False:
            yield (*place, "response"), "false in an outcome with two_way = true", "allowed: true"


def _assignment(raw: Raw) -> Iterator[Found]:
    """Roles and sources are those of the file; a rule that could never fit, or names nobody, is a slip."""
    roles, sources = keys(raw, "roles"), keys(raw, "lead", "sources")
    for n, role in texts(at(raw, "assignment", "roles")):
        if role not in roles:
            yield ("assignment", "roles", n), f"{written_value(role)}, which is not under roles", one_of(roles, role)
    for n, rule in tables(raw, "assignment", "rules"):
        place: Place = ("assignment", "rules", n)
        for m, source in texts(rule.get("sources")):
            if source not in sources:
                found = f"{written_value(source)}, which is not under lead.sources"
                yield (*place, "sources", m), found, one_of(sources, source)
        least, most = rule.get("employees_from"), rule.get("employees_to")
        if isinstance(least, int) and isinstance(most, int) and most < least:
            yield (*place, "employees_to"), written_value(most), f"allowed: employees_from, {least}, or more"
        if bool(rule.get("team")) == bool(rule.get("people")):
            yield place, "a rule for nobody or for both", "allowed: either team or people"


def _workspace(raw: Raw) -> Iterator[Found]:
    """A kind of record has each view once, by key and name, and one layout; a tab opens on a view that is there."""
    for name, told in (("views", "key"), ("views", "title"), ("layouts", "object")):
        seen: set[object] = set()
        for n, entry in tables(raw, name):
            one = (entry.get("object"), str(entry.get(told)).casefold())
            if one in seen:
                yield (name, n, told), f"{written_value(entry.get(told))} a second time", "allowed: each once"
            seen.add(one)
    for n, tab in tables(raw, "tabs"):
        kind, title = RECORD_TABS.get(str(tab.get("key"))), tab.get("default_filter")
        titles = [str(view.get("title")) for _, view in tables(raw, "views") if view.get("object") == kind]
        if kind and titles and title not in titles:
            yield ("tabs", n, "default_filter"), written_value(title), one_of(titles, str(title))


def _own_fields(raw: Raw) -> Iterator[Found]:
    """A field of one's own is there once for its kind of record, and one to choose from says from what."""
    seen: set[object] = set()
    for n, own in tables(raw, "own_fields"):
        one = (own.get("object"), own.get("key"))
        if one in seen:
            yield ("own_fields", n, "key"), f"{written_value(own.get('key'))} a second time", "allowed: each once"
        seen.add(one)
        if (own.get("type") == "choice") != bool(own.get("choices")):
            yield ("own_fields", n), "a type that does not go with choices", 'allowed: choices where type = "choice"'


def _salesforce_values(raw: Raw) -> Iterator[Found]:
    """Every map leads to keys that are there; their names are looked up without regard to capitals."""
    maps = at(raw, "salesforce")
    for name, values in maps.items() if isinstance(maps, dict) else ():
        if isinstance(values, dict):
            yield from _repeated([(("salesforce", name, theirs), theirs) for theirs in values])
            for place in LISTS_OF_MAPS.get(name, ()):
                yield from _unknown_values(raw, name, values, place)


def _unknown_values(raw: Raw, name: str, values: Raw, place: Place) -> Iterator[Found]:
    known = keys(raw, *place)
    for theirs, ours in values.items():
        if isinstance(ours, str) and ours not in known:
            found = f"{written_value(ours)}, which is not under {written_place(place)}"
            yield ("salesforce", name, theirs), found, one_of(known, ours)
