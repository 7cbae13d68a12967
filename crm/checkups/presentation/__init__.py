"""What people are really shown, held against the handbook (K1, C2-C16, L14).

Everybody who is shown the same is one group. Each group is one slice of a run: its pages are rendered as the browser of
one of its people would get them, in a transaction that cannot write, and read by their marks. What the groups saw is
joined to one outcome for each rule.

    for one in slices(rules, person=None): ...              the slices of a run's job
    rows = look_at_group(one, look)                         one slice: rows for its output
    found = outcomes(all_rows, look, whole=True)            when all are done: what to store
"""

from crm.checkups.presentation.joining import outcomes
from crm.checkups.presentation.showing import look_at_group, slices

__all__ = ["look_at_group", "outcomes", "slices"]
