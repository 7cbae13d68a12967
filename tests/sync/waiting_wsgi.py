"""Plumb's own door for a web server, which is told by a header to wait when everything is done and nobody knows yet."""

from __future__ import annotations

import time
from typing import Any

from crm.wsgi import application as real

WAITS = "X-Wait-Before-Answering"


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The request's effect and its answer are committed before it waits."""
    answer = real(environ, start_response)
    if "HTTP_X_WAIT_BEFORE_ANSWERING" in environ:
        time.sleep(60)
    return answer
