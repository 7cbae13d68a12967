"""Who asked not to be contacted stays so when they are merged: a withdrawal wins, whichever record it named (D1).

A suppression holds on to addresses. The survivor may have other ones than the record that was suppressed: then what
names the survivor is added to the suppression, so that it covers them under their own addresses as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crm.activities.gate import Bar, bars_of, channel_of
from crm.activities.models import NextTouch, SuppressedKey, Suppression
from crm.duplicates.carrying import KEYS
from crm.duplicates.kinds import Merge, kind_of

ADDRESS, DOMAIN = Suppression.Scope.ADDRESS, Suppression.Scope.DOMAIN
GATED = ("lead", "contact", "account", "opportunity")


def withdrawals(merge: Merge) -> dict[int, tuple[Bar, Any]]:
    """Every suppression in force that covers one of these, with one of the merged records that it covers.

    Of accounts also those that cover their people by the account's domain: they are asked again afterwards.
    """
    found: dict[int, tuple[Bar, Any]] = {}
    for record in merge.others:
        name = str(record._meta.model_name)
        if name in GATED:
            for bar in bars_of(name, [record.pk]).get(record.pk, ()):
                found.setdefault(bar.suppression_id, (bar, record))
    return found


def keep_withdrawn(merge: Merge, before: dict[int, tuple[Bar, Any]]) -> None:
    """Let every suppression of a merged record cover the survivor; what is planned with them leaves the calendar."""
    survivor = merge.survivor
    name = str(survivor._meta.model_name)
    if name not in GATED:
        return
    covered = {bar.suppression_id for bar in bars_of(name, [survivor.pk]).get(survivor.pk, ())}
    named = kind_of(name).named
    for pk, (bar, record) in before.items():
        # A bad address is that address. Of a company, whoever is covered still is.
        if named is None or bar.scope == ADDRESS or (bar.scope == DOMAIN and pk in covered):
            continue
        added = False
        known = set(SuppressedKey.objects.filter(suppression=pk).values_list("kind", "key"))
        for one in named(survivor, bar.scope):
            if (one.kind, one.key) in known:
                continue
            made = SuppressedKey.objects.create(suppression_id=pk, kind=one.kind, value=one.value, key=one.key)
            merge.carry(record, KEYS, made.pk)
            added = True
        if added:
            merge.notes.append(f"{bar.headline}: it covered {record}, and covers {survivor} under every address now.")
    if name == "lead":
        unplan(survivor.pk)


def unplan(lead_id: int) -> None:
    """Take what is planned with a lead out of the calendar where it is not to be."""
    planned = NextTouch.objects.filter(lead=lead_id).first()
    if planned is None:
        return
    channel = channel_of(planned.kind)
    bars = bars_of("lead", [lead_id]).get(lead_id, ())
    if any(bar.is_whole or channel in bar.channels for bar in bars):
        planned.delete()


def forget_keys(ids: Iterable[int]) -> None:
    """Take the keys out again that a merge added; the suppression itself stays as it is."""
    SuppressedKey.objects.filter(pk__in=list(ids)).delete()
