"""What the page of a CSV import shows at its stage: the file, its columns, its values, the check, the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.formats import date_format, number_format

from accounts.models import Account
from crm import handbook
from crm.history.words import address_of
from crm.imports.csv.amounts import read_amount
from crm.imports.csv.dates import ORDERS, read_date
from crm.imports.csv.formats import DATE_LABELS, NUMBER_LABELS
from crm.imports.csv.links import People
from crm.imports.csv.newcomers import people_named
from crm.imports.csv.plan import KEYED_BY, MODES, NEW, RULES, Plan
from crm.imports.csv.runs import missing_of
from crm.imports.csv.targets import KEPT, KEY_LABELS, LEFT_OUT, OBJECTS, Target, targets_of
from crm.imports.csv.texts import DELIMITERS, ENCODINGS, read_otherwise
from crm.imports.csv.words import lexicons
from crm.imports.models import HeldRow, ImportRun, ImportTemplate
from crm.people.models import User

Stage = ImportRun.Stage
STEPS = (("file", "File"), ("columns", "Columns"), ("values", "Values"), ("check", "Check and import"))
SHOWN_WORDS = 300
Option = tuple[str, str]


def context_of(run: ImportRun, request: HttpRequest, user: User) -> dict[str, Any]:
    """What can be chosen now, and what was."""
    context: dict[str, Any] = {"plan": run.choices, "what": OBJECTS.get(run.choices.get("object", ""))}
    choosing = run.stage in (Stage.CHOOSING, Stage.TRIED) or (
        run.stage == Stage.TRYING and run.job is not None and not run.job.unfinished
    )
    if not choosing:
        return context
    broken = "error" in run.found
    step = request.GET.get("step", "") if not broken else "file"
    if step not in dict(STEPS):
        step = "check" if run.trial else "columns"
    context |= {"choosing": True, "step": step, "steps": STEPS, "broken": run.found.get("error")}
    context["step_template"] = f"admin/imports/csv/step_{step}.html"
    context |= _file(run)
    if broken:
        return context
    plan = Plan.from_json(run.choices)
    missing = missing_of(run, user)
    context |= {"missing": missing, "wrong": {one.field for one in missing}, "kept": plan}
    context["asked"] = [(one, _step_of(one.field)) for one in missing]
    if step == "columns":
        context |= _columns(plan, run.found)
    elif step == "values":
        context |= _values(plan, run.found, user)
    return context


def _step_of(field: str) -> str:
    """The step at which something is decided, by the field that says it."""
    return "columns" if field in ("columns", "key", "system", "mode") else "values"


def _file(run: ImportRun) -> dict[str, Any]:
    """How the file is read, and its first rows."""
    chosen = run.choices
    letters = run.found.get("letters", [])
    encodings = dict(ENCODINGS)
    if chosen.get("encoding") not in encodings:
        encodings[chosen.get("encoding", "")] = str(chosen.get("encoding", "")).upper()
    return {
        "encodings": list(encodings.items()),
        "delimiters": list(DELIMITERS.items()),
        "objects": [(one.key, one.label) for one in OBJECTS.values()],
        "templates": list(
            ImportTemplate.objects.filter(object=chosen.get("object", "")).values_list("name", flat=True)
        ),
        "template": chosen.get("template", ""),
        "delimiter_words": DELIMITERS.get(chosen.get("delimiter", ""), ""),
        "encoding_words": encodings.get(chosen.get("encoding", ""), ""),
        "header": run.found.get("header", []),
        "preview": run.found.get("preview", []),
        "rows": run.found.get("rows", 0),
        "unreadable": run.found.get("broken", 0),
        "told": run.found.get("told", [])[:5],
        "letters": letters,
        "otherwise": read_otherwise([piece for _, piece in letters], chosen.get("encoding", "")),
    }


def _columns(plan: Plan, found: Mapping[str, Any]) -> dict[str, Any]:
    """Each column with its samples and what it can become; by what rows are known."""
    targets = targets_of(plan.what)
    options = [(LEFT_OUT, "Leave it out"), (KEPT, "Keep it as it came")]
    options += [(key, target.label) for key, target in targets.items()]
    return {
        "columns": [
            {
                "name": name,
                "place": place,
                "samples": found["columns"][name]["samples"],
                "filled": found["columns"][name]["filled"],
                "to": plan.columns[name].to if name in plan.columns else KEPT,
            }
            for place, name in enumerate(found["header"])
        ],
        "options": options,
        "keys": [
            ("", "Nothing: every row is new"),
            *((key, KEY_LABELS[key]) for key in plan.what.keys if key in KEYED_BY),
        ],
        "modes": list(MODES.items()),
    }


def _values(plan: Plan, found: Mapping[str, Any], user: User) -> dict[str, Any]:
    """What is to be said of the values: formats, words, people, and what the file does not have."""
    targets = plan.targets()
    names = {f.attname for f in plan.what.model._meta.concrete_fields}
    people = People(plan)
    nobody = [
        (text, rows, plan.people.get(text, ""))
        for text, rows in sorted(people_named(plan, found).items(), key=lambda one: -one[1])
        if people.by_itself(text) is None
    ]
    choose: list[Option] = [("", "Leave unowned")]
    if user.is_administrator:
        choose.append((NEW, "Make a user who cannot log in"))
    known = [(str(one.pk), str(one)) for one in User.objects.filter(is_service=False)]
    rest: list[Option] = [("", "Nobody")]
    if plan.object == "lead":
        rest.append((RULES, "Whoever's turn it is, by the handbook's rules"))
    account = Account.objects.filter(pk=plan.account).first() if plan.account else None
    words = _words(plan, found)
    return {
        "formats": [
            one for name in found["header"] if name in targets and (one := _format(plan, name, targets[name], found))
        ],
        "words": words[:SHOWN_WORDS],
        "words_left_out": max(0, len(words) - SHOWN_WORDS),
        "nobody": nobody,
        "who": [*choose, *known],
        "asks_name": "name" in names and not plan.column_of("name"),
        "asks_account": "account_id" in {one for need in plan.what.needs for one in need},
        "account_name": account.name if account else "",
        "asks_owner": "owner_id" in names,
        "owners": [*rest, *known],
        "header": found["header"],
    }


def _format(plan: Plan, name: str, target: Target, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """How one column of dates or numbers can be written, with what an example becomes each way."""
    if not (target.dated or target.numeric):
        return None
    look = found["columns"].get(name, {})
    known = look.get("dates" if target.dated else "numbers") or {}
    labels = DATE_LABELS if target.dated else NUMBER_LABELS
    examples = [*known.get("examples", ()), *look.get("samples", ())]
    chosen = plan.columns[name].format or known.get("chosen", "")
    options = []
    for key, label in labels.items():
        shown = next(((one, read) for one in examples if (read := _shown(one, key, target))), None)
        options.append((key, f"{label}: “{shown[0]}” is {shown[1]}" if shown else label))
    return {
        "name": name,
        "target": target.label,
        "samples": look.get("samples", ()),
        "options": options,
        "chosen": chosen,
        "asked": bool(known.get("asked")) and not plan.columns[name].format,
        "cannot": known.get("cannot", 0) if chosen else 0,
    }


def _shown(cell: str, key: Any, target: Target) -> str:
    """What an example becomes, in words."""
    if key in ORDERS:
        read = read_date(cell, key)
        return date_format(read.day, "DATE_FORMAT") if read else ""
    amount = read_amount(cell, key)
    if amount is None:
        return ""
    number = str(number_format(amount.number, use_l10n=True, force_grouping=True))
    code = amount.in_currency(handbook.current().company.currency) if amount.currency else ""
    return f"{number} {code}".strip()


def _words(plan: Plan, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The words that mean nothing here, the most frequent of each column first; a word much like one is offered it."""
    lists = []
    for name, lexicon in lexicons(plan, handbook.current()).items():
        words = found["columns"].get(name, {}).get("words", {})
        for word, rows in sorted(words.items(), key=lambda one: (-one[1], one[0])):
            if lexicon.by_itself(word) is None:
                kept = plan.words.get(name)
                chosen = kept.get(word, "") if kept is not None else lexicon.like(word)
                lists.append(
                    {
                        "column": name,
                        "word": word,
                        "rows": rows,
                        "options": lexicon.options,
                        "chosen": chosen,
                        "suggested": bool(chosen) and kept is None,
                        "place": found["header"].index(name),
                    }
                )
    return lists


def addresses(run: ImportRun, problems: list[dict[str, Any]]) -> list[str]:
    """Where the record, or else the held row, of each problem is."""
    what = OBJECTS.get(run.choices.get("object", ""))
    kind: Any = what.model if what else None
    held = {
        one.line: address_of(one)
        for one in HeldRow.objects.filter(run=run, line__in=[problem["line"] for problem in problems])
    }
    ids = {int(problem["id"]) for problem in problems if str(problem["id"]).isdecimal()}
    # What an undo took away, or somebody deleted since, has no page.
    stored = kind is not None and run.import_job is not None
    here = {str(pk) for pk in kind._base_manager.filter(pk__in=ids).values_list("pk", flat=True)} if stored else set()
    found = []
    for problem in problems:
        known = str(problem["id"]) in here
        found.append(address_of(kind(pk=int(problem["id"]))) if known else held.get(problem["line"], ""))
    return found
