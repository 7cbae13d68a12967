"""Storing many accounts or contacts at once: those whose saving touches other rows are saved one by one."""

from __future__ import annotations

from crm.core.api.many import Candidate, Many


class ManyAccounts(Many):
    """Accounts; domains are rows of their own, and a parent is looked at in the tree."""

    def is_alone(self, candidate: Candidate) -> bool:
        """Whether it has domains, or moves in its tree."""
        if candidate.new:
            return bool(candidate.record.domains)
        return bool({"domains", "parent_id"} & set(candidate.changed))


class ManyContacts(Many):
    """Contacts; a main one takes the place of another, and who reports to whom is looked at in the tree."""

    def is_alone(self, candidate: Candidate) -> bool:
        """Whether it is, or was, the main one of an account, or moves in its tree."""
        if candidate.new:
            return bool(candidate.record.is_main_dri)
        changed = set(candidate.changed)
        return bool("is_main_dri" in candidate.said or "reports_to_id" in changed or candidate.record.is_main_dri)
