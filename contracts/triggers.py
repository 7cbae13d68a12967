"""What the database keeps true of opportunities, on every way of writing: admin, API, import, COPY, SQL.

Their next steps as promises, and the close date of what was won here, which is its contract's.
"""

from __future__ import annotations

from typing import Any

import pgtrigger

from crm.core.triggers import AT, PLANNED_APART

# A promise is made by who acts. Nobody, outside Plumb.
PROMISE = f"""
    INSERT INTO contracts_nextstep
        (opportunity_id, text, due_on, made_at, made_by_id, made_by_name, outcome)
    SELECT n.id, n.next_step, n.next_step_due, {AT}, NULLIF(current_setting('crm.actor', true), '')::bigint,
           COALESCE(current_setting('crm.actor_name', true), ''), 'standing'"""
CHANGED = "ROW(n.next_step, n.next_step_due) IS DISTINCT FROM ROW(o.next_step, o.next_step_due)"
AGREED = "('signed', 'active', 'expired')"
# Won by the move, not placed: what another system said of its close date stands.
WON_HERE = """EXISTS (SELECT FROM history_move m WHERE m.object = 'opportunity' AND m.record_id = {row}.id
        AND m.verb = 'win' AND m.to_state = {row}.stage AND m.at = {row}.stage_since)"""


class MakePromises(pgtrigger.Trigger):
    """A new opportunity's next step is promised."""

    name = "make_promises"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Insert
    referencing = pgtrigger.Referencing(new="new_rows")

    def get_func(self, model: Any) -> str:
        return f"""{PROMISE}
            FROM new_rows n WHERE n.next_step <> '';
            RETURN NULL;
        """


class RenewPromises(pgtrigger.Trigger):
    """When a next step or its due date changes, the promise that stands ends, and the new one stands.

    Where a person is erased nothing new is promised: the words are taken out of what was.
    """

    name = "renew_promises"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Update
    referencing = pgtrigger.Referencing(old="old_rows", new="new_rows")

    def get_func(self, model: Any) -> str:
        joined = f"old_rows o JOIN new_rows n ON n.id = o.id AND {CHANGED}"
        blank = f"""UPDATE contracts_nextstep p SET text = n.next_step, due_on = n.next_step_due
                FROM {joined} WHERE p.opportunity_id = n.id AND p.ended_at IS NULL AND n.next_step <> ''"""
        end = f"""UPDATE contracts_nextstep p
                SET ended_at = {AT}, outcome = CASE WHEN n.next_step = '' THEN 'dropped' ELSE 'rewritten' END
                FROM {joined} WHERE p.opportunity_id = n.id AND p.ended_at IS NULL"""
        make = f"{PROMISE} FROM {joined} WHERE n.next_step <> ''"
        # As for the change log: a plan that was made for one row is ruinous for a thousand.
        return f"""
            IF COALESCE(current_setting('crm.upkeep', true), '') = 'on' THEN
                {blank};
            ELSIF (SELECT count(*) FROM new_rows) <= {PLANNED_APART} THEN
                {end};
                {make};
            ELSE
                EXECUTE $bulk${end}$bulk$;
                EXECUTE $bulk${make}$bulk$;
            END IF;
            RETURN NULL;
        """


class CloseWithContract(pgtrigger.Trigger):
    """The close date of an opportunity that was won here is its contract's, whatever is written.

    Called so that it comes before the version is counted: triggers fire in the order of their names.
    """

    name = "close_with_contract"
    level = pgtrigger.Row
    when = pgtrigger.Before
    operation = pgtrigger.UpdateOf("close_on")
    condition = pgtrigger.Q(new__close_on__df=pgtrigger.F("old__close_on"), new__stage=pgtrigger.F("old__stage"))

    def get_func(self, model: Any) -> str:
        return f"""
            IF {WON_HERE.format(row="NEW")} THEN
                NEW.close_on := COALESCE(
                    (SELECT min(c.close_date) FROM contracts_contract c
                     WHERE c.opportunity_id = NEW.id AND c.status IN {AGREED}), NEW.close_on);
            END IF;
            RETURN NEW;
        """


def _follow(rows: str) -> str:
    """Give the won opportunities of these contracts their close date."""
    return f"""
            UPDATE contracts_opportunity o SET close_on = f.closed
            FROM (SELECT c.opportunity_id, min(c.close_date) AS closed FROM contracts_contract c
                  WHERE c.opportunity_id IN ({rows}) AND c.status IN {AGREED} AND c.close_date IS NOT NULL
                  GROUP BY c.opportunity_id) f
            WHERE o.id = f.opportunity_id AND o.close_on IS DISTINCT FROM f.closed AND {WON_HERE.format(row="o")}"""


class TellCloseDate(pgtrigger.Trigger):
    """A contract's close date that changes later changes that of the opportunity it won."""

    name = "tell_close_date"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Update
    referencing = pgtrigger.Referencing(old="old_rows", new="new_rows")

    def get_func(self, model: Any) -> str:
        differ = "ROW(n.close_date, n.status, n.opportunity_id) IS DISTINCT FROM"
        joined = f"old_rows o JOIN new_rows n ON n.id = o.id AND {differ} ROW(o.close_date, o.status, o.opportunity_id)"
        rows = f"SELECT t.id FROM {joined} CROSS JOIN LATERAL (VALUES (n.opportunity_id), (o.opportunity_id)) t (id)"
        return f"""
            IF EXISTS (SELECT FROM {joined}) THEN{_follow(rows)};
            END IF;
            RETURN NULL;
        """


class TellFirstCloseDate(pgtrigger.Trigger):
    """A contract that is stored signed may be the first one of an opportunity that is won."""

    name = "tell_first_close_date"
    level = pgtrigger.Statement
    when = pgtrigger.After
    operation = pgtrigger.Insert
    referencing = pgtrigger.Referencing(new="new_rows")

    def get_func(self, model: Any) -> str:
        signed = f"n.status IN {AGREED} AND n.close_date IS NOT NULL AND n.opportunity_id IS NOT NULL"
        rows = f"SELECT n.opportunity_id FROM new_rows n WHERE {signed}"
        return f"""
            IF EXISTS (SELECT FROM new_rows n WHERE {signed}) THEN{_follow(rows)};
            END IF;
            RETURN NULL;
        """


PROMISES: list[pgtrigger.Trigger] = [MakePromises(), RenewPromises(), CloseWithContract()]
CLOSE_DATES: list[pgtrigger.Trigger] = [TellCloseDate(), TellFirstCloseDate()]
