"""The people of a Salesforce export become users: known as owners, unable to log in until somebody lets them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from crm import handbook
from crm.core.errors import Missing, Refused
from crm.core.keys import key_of
from crm.core.text import tidy
from crm.imports.models import HeldRow, ImportRun
from crm.imports.report import Report
from crm.imports.salesforce import SYSTEM
from crm.imports.salesforce.reading import Table
from crm.imports.salesforce.values import Bad, is_true, read_email, read_id, read_text, read_time
from crm.people.models import User
from crm.sync.models import ExternalId

NAME = "User"
REQUIRED = ("Id", "Email")
# What a file may change of a user who is here; the address and whether they are active decide who logs in.
FOLLOWED = {"FirstName": "first_name", "LastName": "last_name", "TimeZoneSidKey": "zone"}
LOGIN = {"Email": "email", "IsActive": "is_active"}
TIMES = {"CreatedDate": "created_at", "LastModifiedDate": "updated_at"}
READ = {*FOLLOWED, *LOGIN, *TIMES, "Id", "IsDeleted", "Name"}


class UserImport:
    """Brings in one file of users, a few at a time: a company has hundreds, not hundreds of thousands."""

    def __init__(self, file: str, report: Report, run: ImportRun, *, at: datetime) -> None:
        self.file, self.report, self.run, self.at = file, report, run, at
        self.role = handbook.current().roles_with("standard")[0].key
        self.zones = available_timezones()
        self.known = {known.value: known for known in ExternalId.objects.filter(object="user", system=SYSTEM)}
        self.came: dict[str, int] = {}

    def run_through(self, table: Table) -> None:
        """Store every row of the file."""
        counts = self.report.files[self.file]
        for line, cells in table.rows():
            row = dict(zip(table.header, cells, strict=True))
            external_id = read_id(row["Id"])
            before = len(self.report.problems)
            if not external_id:
                table.complain(line, "", "no_id", "The row has no Id.", row)
            elif external_id in self.came:
                said = f"Line {self.came[external_id]} has this Id already."
                table.complain(line, external_id, "duplicate_id", said, row)
            else:
                self.came[external_id] = line
                outcome = self._store_or_hold(line, external_id, row)
                setattr(counts, outcome, getattr(counts, outcome) + 1)
                counts.flagged += outcome != "rejected" and len(self.report.problems) > before

    def _store_or_hold(self, line: int, external_id: str, row: Mapping[str, str]) -> str:
        try:
            return self.store(line, external_id, row, seen_in=row)
        except Refused as refused:
            self.report.add(self.file, line, external_id, refused.code, refused.message)
            values: dict[str, Any] = {"row": dict(row), "code": refused.code, "message": refused.message}
            held = HeldRow.objects.filter(system=SYSTEM, object="user", external_id=external_id).first()
            if held is None:
                values |= {"file": self.file, "line": line, "run": self.run}
                HeldRow.objects.create(system=SYSTEM, object="user", external_id=external_id, **values)
            elif held.state != HeldRow.State.RELEASED and held.row != values["row"]:
                values |= {"state": HeldRow.State.HELD, "discarded_because": ""}
                HeldRow.objects.filter(pk=held.pk).update(**values)
            return "rejected"

    def store(self, line: int, external_id: str, row: Mapping[str, str], *, seen_in: Mapping[str, str]) -> str:
        """Make, change or leave the user of one row; what the file says of them is remembered from `seen_in`.

        Raises:
            Refused: `no_email` or `bad_email`: a user is known by an address.
        """
        seen = {name: zlib.crc32(value.encode()) for name, value in sorted(seen_in.items()) if value}
        known = self.known.get(external_id)
        if known is not None:
            return "unchanged" if known.seen == seen else self._change(known, line, row, seen)
        email = self._email(row)
        user = User.objects.filter(email_key=key_of("email_key", email)).first()
        outcome = "unchanged"
        if user is None:
            user, outcome = self._make(line, external_id, email, row), "created"
        elif user.pk in {one.record_id for one in self.known.values()}:
            said = f"Another user of the export has the address {email}: both are {user} here."
            self.report.add(self.file, line, external_id, "same_email", said)
        self.known[external_id] = ExternalId.objects.create(
            object="user", system=SYSTEM, value=external_id, record_id=user.pk, seen=seen
        )
        held = HeldRow.objects.filter(system=SYSTEM, object="user", external_id=external_id)
        held.exclude(state=HeldRow.State.RELEASED).update(state=HeldRow.State.RELEASED, record_id=user.pk)
        return outcome

    def _email(self, row: Mapping[str, str]) -> str:
        email = tidy(row.get("Email", ""))
        if not email:
            raise Refused("no_email", "A user is known by an email address; this one has none.", [_needs_email()])
        try:
            return read_email(email, longest=254)
        except Bad as bad:
            raise Refused(bad.code, f"Email {bad.message}.", [_needs_email()]) from bad

    def _make(self, line: int, external_id: str, email: str, row: Mapping[str, str]) -> User:
        """A user without a password, in the first standard role; inactive there is inactive here."""
        user = User(email=email, role=self.role, is_active=is_true(row.get("IsActive", "1")))
        user.set_unusable_password()
        self._follow(user, line, external_id, row, FOLLOWED)
        for name, column in TIMES.items():
            cell = row.get(name, "").strip()
            try:
                setattr(user, column, read_time(cell) if cell else self.at)
            except Bad as bad:
                setattr(user, column, self.at)
                user.kept[name] = cell
                self.report.add(self.file, line, external_id, bad.code, f"{name} {bad.message}: kept with the record.")
        user.save(force_insert=True)
        return user

    def _change(self, known: ExternalId, line: int, row: Mapping[str, str], seen: dict[str, int]) -> str:
        user = User.objects.select_for_update().get(pk=known.record_id)
        changed = {name for name in {*seen, *known.seen} if seen.get(name) != known.seen.get(name)}
        for name in sorted(changed & set(LOGIN)):
            said = f"{name} changed there. It decides who can log in here: an administrator changes it."
            self.report.add(self.file, line, known.value, "login_left", said)
        version = user.version
        if changed - set(LOGIN):
            self._follow(user, line, known.value, row, {n: c for n, c in FOLLOWED.items() if n in changed})
            user.save(update_fields=[*FOLLOWED.values(), "kept"])
        known.seen = seen
        known.save(update_fields=["seen"])
        return "updated" if user.version != version else "unchanged"

    def _follow(
        self, user: User, line: int, external_id: str, row: Mapping[str, str], columns: Mapping[str, str]
    ) -> None:
        """Set names and zone; what cannot be read, and every column without a field, is kept."""
        user.kept = {name: value for name, value in row.items() if value and name not in READ}
        for name, column in columns.items():
            value = tidy(row.get(name, ""))
            try:
                if column == "zone" and value and value not in self.zones:
                    raise Bad("unmapped_value", f"“{value[:80]}” is no time zone")
                setattr(user, column, read_text(value, longest=64 if column == "zone" else 100))
            except Bad as bad:
                user.kept[name] = value
                self.report.add(self.file, line, external_id, bad.code, f"{name} {bad.message}: kept with the record.")


def _needs_email() -> Missing:
    return Missing("needs_email", "Give an email address.", "email")
