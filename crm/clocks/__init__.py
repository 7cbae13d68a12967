"""Promises with a due time: what was promised, what happened, who is told and when (R1-R6)."""
