"""Triggers by which an account's text of domains is what its rows say, whoever wrote them."""

from __future__ import annotations

from typing import Any

import pgtrigger

# What the rows of an account say, as its text; `a` is the account.
TEXT = (
    "COALESCE((SELECT string_agg(d.key, ', ' ORDER BY d.id) FROM accounts_accountdomain d WHERE d.account_id = {}), '')"
)


class ShowDomains(pgtrigger.Trigger):
    """After the rows changed: the text of each account that has, or had, one of them."""

    level = pgtrigger.Statement
    when = pgtrigger.After

    def __init__(self, *, tables: tuple[str, ...], **kwargs: Any) -> None:
        self.tables = tables
        super().__init__(**kwargs)

    def get_func(self, model: Any) -> str:
        ids = " UNION ".join(f"SELECT account_id FROM {table}" for table in self.tables)
        return f"""
            UPDATE accounts_account a SET domains = {TEXT.format("a.id")} WHERE a.id IN ({ids});
            RETURN NULL;
        """


class DomainsStand(pgtrigger.Trigger):
    """Whatever text is written, the rows' one is stored. Before the version is counted: its name sorts first."""

    level = pgtrigger.Row
    when = pgtrigger.Before

    def get_func(self, model: Any) -> str:
        return f"""
            NEW.domains := {TEXT.format("NEW.id")};
            RETURN NEW;
        """


def show_domains() -> list[pgtrigger.Trigger]:
    """The triggers of the rows: one for each event, since transition tables are for one only."""
    new, old = "new_rows", "old_rows"
    return [
        ShowDomains(
            name="show_added",
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new=new),
            tables=(new,),
        ),
        ShowDomains(
            name="show_changed",
            operation=pgtrigger.Update,
            referencing=pgtrigger.Referencing(old=old, new=new),
            tables=(old, new),
        ),
        ShowDomains(
            name="show_removed",
            operation=pgtrigger.Delete,
            referencing=pgtrigger.Referencing(old=old),
            tables=(old,),
        ),
    ]


def domains_stand() -> list[pgtrigger.Trigger]:
    """The triggers of the account."""
    return [
        DomainsStand(
            name="a_domains_stand_new", operation=pgtrigger.Insert, condition=pgtrigger.Condition("NEW.domains <> ''")
        ),
        DomainsStand(
            name="a_domains_stand",
            operation=pgtrigger.Update,
            condition=pgtrigger.Condition("OLD.domains IS DISTINCT FROM NEW.domains"),
        ),
    ]
