"""The trigger that marks an outreach to somebody who was not to be contacted when it happened (D4)."""

from __future__ import annotations

from typing import Any

import pgtrigger


class MarkViolation(pgtrigger.Trigger):
    """Set `violation_of` on every way of writing a touch: admin, API, import, COPY, SQL.

    Judged when the touch is written, and again when what is judged is mended: not when its text is, since a suppression
    that came in the meantime would then be held against a touch that was logged before it.
    """

    name = "mark_violation"
    level = pgtrigger.Row
    when = pgtrigger.Before
    operation = pgtrigger.Insert | pgtrigger.Update

    def get_func(self, model: Any) -> str:
        judged = (
            *("kind", "direction", "happened_at"),
            *("lead_id", "contact_id", "opportunity_id", "account_id", "contract_id"),
        )
        new = ", ".join(f"NEW.{name}" for name in judged)
        old = ", ".join(f"OLD.{name}" for name in judged)
        return f"""
            IF TG_OP = 'UPDATE' AND ROW({new}) IS NOT DISTINCT FROM ROW({old}) THEN
                RETURN NEW;
            END IF;
            NEW.violation_of_id := CASE WHEN NEW.direction = 'out' THEN
                violated({", ".join(f"NEW.{name}" for name in judged if name != "direction")}) END;
            RETURN NEW;
        """
