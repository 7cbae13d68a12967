"""Waiting for a change without keeping others out: a follower that waits has a thread of the server.

At most half of a process's threads wait; who comes beyond that is answered at once, and asks again. The feed is asked
once a second, outside of any transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

from crm.sync.feed.reading import Page

LONGEST = 30
PAUSE = 1.0
pause = time.sleep
_seats = threading.BoundedSemaphore(settings.WEB_THREADS // 2)


@contextmanager
def seat() -> Iterator[bool]:
    """Whether there was room for one more who waits; it is given back at the end."""
    taken = _seats.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            _seats.release()


def wait_for_page(read: Callable[[Page | None], Page], seconds: int) -> Page:
    """The first page with a change in it, or the last one read when the time is over.

    `read` is given the page before, to go on behind it: what is of other objects was passed by.
    """
    page = read(None)
    if page.transactions or page.more or not seconds:
        return page
    ends = time.monotonic() + seconds
    with seat() as taken:
        while taken and (left := ends - time.monotonic()) > 0:
            pause(min(PAUSE, left))
            page = read(page)
            if page.transactions or page.more:
                break
    return page
