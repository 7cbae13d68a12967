"""What a board asks its server: whether anything changed, the next cards, where a card may go, and to move it there.

A board that is open asks every few seconds whether anything changed, and is answered in steps that each cost more:
nothing at all was written to the database since (three queries); no row that it shows came, went or was changed; else
the columns, drawn anew. A move goes through the one door: at once where nothing has to be said, else by its dialog.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_safe

from crm import handbook
from crm.core.asking import moment, user_of
from crm.core.dialogs import IN_PLACE, STATUS, moved, now_words, url_of
from crm.core.door import Verdict, move, stale_since
from crm.core.errors import Refused, Stale
from crm.core.offers import VIA, state_label
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.core.ways import Way, ways_of
from crm.workspace.board import BOARD, DISPLAY, cards_of, fill
from crm.workspace.board_rows import Place, next_rows, read_place, read_places

if TYPE_CHECKING:
    from crm.core.admin import RecordAdmin as Base
    from crm.core.flow import Stateful
else:
    Base = object
# How far each column is open, and which one is to be opened further from where: never filters of the list.
OPEN_TO, MORE, AFTER = "upto", "more", "after"
LIVE = "live_board"
Answer = TypeVar("Answer", bound=HttpResponse)


def open_to_of(request: HttpRequest) -> dict[str, Place]:
    """How far the columns of a board that asks again are open; nothing for a page that is opened."""
    found: dict[str, Place] = getattr(request, LIVE, {})
    return found


class BoardPages(Base):
    """The addresses of a board, beside those of its list."""

    board: ClassVar[Any]
    board_asks: ClassVar[Any]

    def get_urls(self) -> list[URLPattern]:
        """Those of the board, where there is one, before the admin's catch-all."""
        found: list[URLPattern] = super().get_urls()
        if not self.board:
            return found
        asked_or_sent = require_http_methods(["GET", "HEAD", "POST"])
        wrap, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("board/", wrap(require_safe(self.live_board)), name=f"{name}_board"),
            path("<int:pk>/board/", wrap(asked_or_sent(self.ways)), name=f"{name}_ways"),
        ]
        return own + found

    def live_board(self, request: HttpRequest) -> HttpResponse:
        """What changed on a board since its `ETag`, or the next cards of one column."""
        query = request.GET.copy()
        places, more, after = query.pop(OPEN_TO, []), query.pop(MORE, [""])[-1], query.pop(AFTER, [""])[-1]
        query[DISPLAY] = BOARD
        known = request.headers.get("If-None-Match", "").removeprefix("W/").strip('"').partition(".")
        now = "" if more else written_by_now(request)
        if now and known[0] == now:
            return not_modified(f"{now}.{known[2]}")
        try:
            setattr(request, LIVE, read_places(places))
            request.GET = query  # type: ignore[assignment]
            found: Any = self.get_changelist_instance(request)
            if more:
                return self._more(request, found, more, read_place(after))
        except (Refused, IncorrectLookupParameters, SuspiciousOperation) as wrong:
            said = wrong.message if isinstance(wrong, Refused) else "This list has no such filter: load the page anew."
            return JsonResponse({"codes": ["bad_address"], "message": said}, status=400)
        tag = f"{now}.{found.board.digest}"
        if known[2] == found.board.digest:
            return not_modified(tag)
        fill(request, found, found.board)
        answer = TemplateResponse(request, "admin/plumb/board_columns.html", {"cl": found})
        answer.headers["ETag"] = f'W/"{tag}"'
        return no_store(answer)

    def _more(self, request: HttpRequest, found: Any, key: str, after: Place) -> HttpResponse:
        rows = next_rows(found.queryset, found.model, key, after)
        cards = [card for _, card in cards_of(request, found, rows)]
        return no_store(TemplateResponse(request, "admin/plumb/board_cards.html", {"cl": found, "cards": cards}))

    def ways(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Where one record may go (GET; with `to`, the choice among several moves), or put it there (POST)."""
        kind: Any = self.model
        record = kind._base_manager.filter(pk=pk).first()
        if record is None:
            gone = Refused("not_found", f"This {kind._meta.verbose_name} is gone: somebody deleted or merged it.")
            return refused(gone, status=404)
        if not may(user_of(request), "view", record):
            raise PermissionDenied
        found = ways_of(record, actor=user_of(request), at=moment(request))
        if request.method == "POST":
            return self._put(request, record, found)
        if "to" in request.GET:
            return self._which(request, record, found.get(request.GET["to"]))
        answer = {
            "record": pk,
            "name": str(record),
            "at": record.current_state,
            "version": record.version,
            "columns": {key: told_way(way) for key, way in found.items()},
        }
        return no_store(JsonResponse(answer))

    def _put(self, request: HttpRequest, record: Stateful, ways: dict[str, Way]) -> HttpResponse:
        """Move it at once, or lead to the dialog that asks for what is missing, or say why not."""
        version, to = whole_number(request.POST.get("version", "")), request.POST.get("to", "")
        if version is not None and record.version != version:
            return refused(stale_words(record, stale_since(record, version)))
        way = ways.get(to)
        if way is None:
            here = f"{record} is in {state_label(type(record), to)} already." if to == record.current_state else ""
            return refused(Refused("not_from_here", here or f"There is no column “{to[:50]}”."))
        if not way.moves:
            return refused(way.refusal or Refused("not_from_here", f"No move leads to {way.label}."))
        only = way.moves[0]
        if len(way.moves) > 1:
            return JsonResponse({"dialog": f"{self._ways_url(record)}?to={to}&version={record.version}"})
        if only.asks or only.verb.name in self.board_asks:
            return JsonResponse({"dialog": dialog_url(record, only)})
        try:
            made = move(
                record, only.verb.name, actor=user_of(request), at=moment(request), via=VIA, version=record.version
            )
        except Stale as stale:
            record.refresh_from_db()
            return refused(stale_words(record, stale))
        except Refused as refusal:
            return refused(refusal)
        said = now_words(record, made)
        return JsonResponse({"moved": moved(record, made, said=said, actor=user_of(request), at=moment(request))})

    def _which(self, request: HttpRequest, record: Stateful, way: Way | None) -> HttpResponse:
        """Which of several moves that lead to the same status is meant: each opens its own dialog."""
        why = way.refusal.message if way and way.refusal else "There is no such status."
        context = {
            "record": record,
            "record_url": url_of(record, "change"),
            "from_label": state_label(type(record), record.current_state),
            "to_label": way.label if way else "",
            "offers": [(one.verb, dialog_url(record, one)) for one in (way.moves if way else ())],
            "why": "" if way and way.moves else why,
        }
        return no_store(TemplateResponse(request, "admin/plumb/board_which.html", context))

    def _ways_url(self, record: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_ways", args=[record.pk])


def dialog_url(record: Any, verdict: Verdict) -> str:
    """The dialog of a move, opened from a page that stays where it is."""
    return f"{url_of(record, 'move', verdict.verb.name)}?version={record.version}&{IN_PLACE}=1"


def told_way(way: Way) -> dict[str, Any]:
    """One column as a board marks it: which moves lead there, or why none does."""
    if way.refusal is not None:
        return {"open": False, "message": way.refusal.message, "codes": way.refusal.codes}
    return {"open": True, "message": " or ".join(one.verb.label for one in way.moves), "codes": []}


def stale_words(record: Stateful, stale: Stale) -> Stale:
    """Who changed it meanwhile, and where it is now if they moved it."""
    if record.FLOW not in stale.changes:
        return stale
    now = f"It is {state_label(type(record), record.current_state)} now."
    return Stale(f"{stale.message} {now}", stale.changes)


def refused(refusal: Refused, *, status: int = 0) -> JsonResponse:
    """Why not, in the door's words and codes."""
    message = " ".join(item.message for item in refusal.missing) or refusal.message
    answer = {"codes": refusal.codes, "message": message, "stale": isinstance(refusal, Stale)}
    return JsonResponse(answer, status=status or STATUS.get(refusal.code, 409))


def written_by_now(request: HttpRequest) -> str:
    """The same as long as nothing at all is written to the database, nobody else asks, and it is the same day.

    A snapshot tells which transactions are done: none has committed between two that are alike, however late it
    began or ended. A greatest id or time would miss one that commits after a later one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        (snapshot,) = cursor.fetchone()
    today = handbook.current().today(moment(request))
    return sha256(f"{snapshot} {today} {user_of(request).pk} {request.get_full_path()}".encode()).hexdigest()[:20]


def not_modified(tag: str) -> HttpResponse:
    """Nothing changed; the tag may be a newer one all the same."""
    answer = HttpResponseNotModified()
    answer.headers["ETag"] = f'W/"{tag}"'
    return no_store(answer)


def no_store(answer: Answer) -> Answer:
    """Answers to a script, never of a cache."""
    answer.headers["Cache-Control"] = "no-store"
    return answer
