"""`Idempotency-Key` (IETF draft 07): a POST that is sent again under the same key is answered, and not done, again.

The answer is stored in the transaction of its effect, so that neither is there without the other: a server that is
killed between the two leaves both or none, and who sends the request again gets what became of it.

Kept are answers of what was carried out or refused; never a fault of ours, nor what was turned away before it began
(without a key or its scope, too often, a body that cannot be read): that may be sent again under the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.acting import retry_deadlocks
from crm.core.api.once import HEADER, Handler, keeps_answers
from crm.core.api.problems import Flaw, Problem, bad_request, problem_of
from crm.core.api.rendering import Json
from crm.core.api.views import ApiView
from crm.sync.models import ApiKey, IdempotencyKey

KEPT = timedelta(days=7)
# One that comes while the first is being done waits so long for its answer.
PATIENCE = "2s"
REPLAYED = "Idempotent-Replayed"
# The draft has the key as a quoted string; most clients send it bare. It is the same key.
SHAPE = re.compile(r'"([!#-~]{1,255})"|([!#-~]{1,255})')
# The status of one whose answer is not kept any more.
FORGOTTEN = 410
GONE = "This was carried out once. What was answered is not kept: the person it was about was erased since."
LOCK_NOT_AVAILABLE = "55P03"
BATCH = 1000


@keeps_answers
def answer_once(view: ApiView, handler: Handler) -> Handler:
    """Do it once for each key; without the header, as ever.

    Raises:
        Problem: 400 `invalid_header` for what is no key.
    """
    request = view.request
    given = request.headers.get(HEADER)
    if given is None or not isinstance(request.auth, ApiKey):
        return handler
    shape = SHAPE.fullmatch(given.strip())
    if shape is None:
        said = f"{HEADER}: 1 to 255 letters, digits and signs of your own, without spaces."
        raise bad_request("invalid_header", said, [Flaw(HEADER, "invalid_header", said)])
    asked = IdempotencyKey(
        api_key=request.auth,
        route=route_of(request)[:200],
        # The address belongs to it, whatever its length.
        key=_hash(f"{route_of(request)}\n{shape[1] or shape[2]}"),
        fingerprint=fingerprint(request),
        at=view.at,
    )

    @retry_deadlocks
    def answered(*args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            wait_for_turn(asked)
            known = find(asked)
            if known is not None:
                return replay(known, asked)
            answer = carry_out(view, handler, *args, **kwargs)
            keep(asked, answer)
        return answer

    return answered


def route_of(request: Request) -> str:
    """The address that the key is of, with a slash at the end or without."""
    return f"{request.method} {request.path.rstrip('/')}"


def fingerprint(request: Request) -> str:
    """A hash of what is asked: the same for the same JSON, however its names are ordered and its lines are broken."""
    # Of many rows they know it themselves: it is asked of each, and some cannot be read.
    said_of = getattr(request.data, "fingerprint", None)
    data = said_of() if said_of else request.data
    said = [request.META.get("QUERY_STRING", ""), request.headers.get("If-Match", ""), data]
    return _hash(json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def wait_for_turn(asked: IdempotencyKey) -> None:
    """Be the only one with this key until the transaction ends.

    Raises:
        Problem: 409 `still_running` when another one has it for longer than anybody waits.
    """
    lock = [f"idempotency:{asked.api_key_id}:{asked.key}"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7)), current_setting('lock_timeout')", lock
        )
        free, before = cursor.fetchone()
        if free:
            return
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        try:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", lock)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            said = f"The first request with this {HEADER} is still being carried out: ask again in a moment."
            raise Problem(409, "still_running", said, headers={"Retry-After": "1"}) from error
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])


def find(asked: IdempotencyKey) -> IdempotencyKey | None:
    """What was answered under this key; one that is too old is removed."""
    rows = IdempotencyKey.objects.filter(api_key=asked.api_key, route=asked.route, key=asked.key)
    rows.filter(at__lt=asked.at - KEPT).delete()
    return rows.first()


def forget_answer(known: IdempotencyKey) -> None:
    """Keep that it was carried out, and nothing of what was answered."""
    known.status, known.body, known.headers = FORGOTTEN, "", {}
    known.save(update_fields=["status", "body", "headers"])


def replay(known: IdempotencyKey, asked: IdempotencyKey) -> HttpResponse:
    """The first answer, byte for byte, with a header that says so.

    Raises:
        Problem: 422 `key_reused` when the key was sent with another request; 410 `gone` when its answer is not kept.
    """
    if known.fingerprint != asked.fingerprint:
        said = f"This {HEADER} was sent with another request. Send a new one with each request that is a new one."
        raise Problem(422, "key_reused", said, [Flaw(HEADER, "key_reused", said)])
    if known.status == FORGOTTEN and not known.body:
        raise Problem(410, "gone", GONE, headers={REPLAYED: "true"})
    return HttpResponse(known.body.encode(), status=known.status, headers={**known.headers, REPLAYED: "true"})


def carry_out(view: ApiView, handler: Handler, *args: Any, **kwargs: Any) -> Response:
    """Do it, in a transaction within ours: of what is refused nothing is left but the answer.

    Raises:
        Exception: a fault of ours, or of the database: with it everything is undone, the key included.
    """
    try:
        with transaction.atomic():
            answer = handler(*args, **kwargs)
            with connection.cursor() as cursor:
                # What the database would say no to only at the end, it says now.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except Exception as error:
        found = problem_of(error)
        if found is None or found.status >= 500:
            raise
        answer = view.handle_exception(error)
    return cast("Response", answer)


def keep(asked: IdempotencyKey, answer: Response) -> None:
    """Store the answer as it will be sent."""
    body = Json().render(answer.data)
    headers = {name: value for name, value in answer.headers.items() if name not in ("Vary", "Content-Type")}
    if body:
        headers["Content-Type"] = answer.content_type or Json.media_type
    asked.status, asked.headers, asked.body = answer.status_code, headers, body.decode()
    asked.pk = None
    asked.save(force_insert=True)


def tidy_answers(*, at: datetime) -> int:
    """Remove answers that are older than they are kept; how many there were."""
    removed = 0
    while True:
        old = IdempotencyKey.objects.filter(at__lt=at - KEPT).order_by("at")[:BATCH]
        count, _ = IdempotencyKey.objects.filter(pk__in=[row.pk for row in old.only("pk")]).delete()
        removed += count
        if count < BATCH:
            return removed


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
