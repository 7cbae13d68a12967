"""Rituals: when they are due, who answers for them, and what came of it (P4)."""
