"""Links that everybody is given: useful links of pages, material, terms. Whether they may be, and whether they answer.

Addresses are asked only where the handbook says so (`checkups.links`) and only of hosts that it names
(`checkups.link_hosts`); crm.core.outbound then lets nothing reach a private network, by a redirect neither. It is done
politely: under our name, first without asking for the page itself, with a pause between the addresses of one host, and
no longer than a slice of a run may take. What was not asked this time is asked in another.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from crm.checkups.models import Finding
from crm.checkups.rules import Look, Looked, Sight, checkup
from crm.core.outbound import Answer, Forbidden, NoAnswer, ask, locate
from crm.handbook.document import Handbook
from crm.handbook.values import is_web_template
from crm.workspace.models import PageLayout
from crm.workspace.validity import model_of

MOST_ASKED = 40
SECONDS, SECONDS_EACH, PAUSE = 20.0, 5.0, 1.0
MOST_REDIRECTS = 3
MOST_BYTES = 64 * 1024
# Answers of a server that has the page and shows it to others, or asks us to wait: the address is right.
NOT_FOR_US = frozenset((401, 403, 407, 429))
MARKS = {"{name}": "Plumb", "{domain}": "example.com", "{id}": "1"}


@dataclass(frozen=True, slots=True)
class Link:
    """One link: what it is called, its address or the template of one, and where it stands."""

    label: str
    url: str
    subject: str
    where: str

    @property
    def host(self) -> str:
        """The host, in small letters; empty when the address is none."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""

    @property
    def address(self) -> str:
        """The address of somebody who is nobody's customer: no name of a record leaves the server to try a link."""
        found = self.url
        for mark, word in MARKS.items():
            found = found.replace(mark, word)
        return found


def links(book: Handbook) -> Iterator[Link]:
    """Every link that everybody is given, but those that a rule about pages finds to be other than the handbook's."""
    for layout in PageLayout.objects.all():
        page, meant = book.expected_page(layout.object), book.layout_of(layout.object)
        urls = {one.label: one.url for one in meant.links} if meant else {}
        body = layout.body if isinstance(layout.body, dict) else {}
        for one in body.get("links") or []:
            label, url = str(one.get("label", "")), str(one.get("url", ""))
            if page is None or label not in page.links or urls.get(label) == url:
                where = f"Useful link on the page of {model_of(layout.object)._meta.verbose_name_plural}"
                yield Link(label, url, f"link:{layout.object}", where)
    for material in book.material:
        yield Link(material.label, material.url, "link:material", "Material")
    yield Link("Standard terms", book.contract.standard_terms, "link:terms", "Terms of contracts")


@checkup(
    "data.useful_links",
    title="Useful links and material are well formed and lead to hosts that the handbook allows",
    row="C4",
    why="A link that everybody is given leads where the company meant it to.",
)
def useful_links(look: Look) -> Looked:
    """Addresses that are none, and hosts that are not under checkups.link_hosts."""
    given, hosts = list(links(look.book)), look.book.checkups.link_hosts
    found = []
    for link in given:
        if not is_web_template(link.url):
            said = "It is no address that begins with https and has marks only behind its host"
        elif link.host not in hosts:
            said = f"It leads to {link.host}"
        else:
            continue
        expected = f"An address with https, of: {', '.join(hosts) or 'no host, since checkups.link_hosts is empty'}"
        found.append(_sight(link, expected, said))
    return Looked(at=len(given), sights=found)


@checkup(
    "process.links_answer",
    title="The addresses of useful links and material answer",
    row="C4",
    why="A link that leads nowhere costs everybody a minute, each time.",
)
def links_answer(look: Look) -> Looked:
    """Ask each address; only where the handbook allows it, and said where not."""
    if not look.book.checkups.links:
        note = "No address was asked: checkups.links is off in the handbook. This is not a pass."
        return Looked(at=0, note=note, off=True)
    hosts = frozenset(look.book.checkups.link_hosts)
    given = [link for link in links(look.book) if is_web_template(link.url) and link.host in hosts]
    # From another place each day, so that what was not asked this time is asked in another.
    first = look.today.toordinal() * 7 % len(given) if given else 0
    asked = ask_all([link.address for link in (*given[first:], *given[:first])], hosts)
    expected = "An answer"
    found = [_sight(link, expected, asked[link.address]) for link in given if asked.get(link.address)]
    unasked = [link for link in given if link.address not in asked]
    found += _still_so(unasked)
    others = sum(1 for _ in links(look.book)) - len(given)
    notes = [
        f"Not asked this time: {len(unasked)}." if unasked else "",
        f"Not asked, since checkups.link_hosts does not name their hosts: {others}." if others else "",
    ]
    return Looked(at=len(given) - len(unasked), sights=found, note=" ".join(filter(None, notes)))


def ask_all(
    addresses: Sequence[str],
    hosts: Iterable[str],
    *,
    seconds: float = SECONDS,
    pause: float = PAUSE,
) -> dict[str, str]:
    """What is wrong with each address that was asked within the time; empty for one that answers."""
    allowed, ends = frozenset(hosts), time.monotonic() + seconds
    waiting = deque(list(dict.fromkeys(addresses))[:MOST_ASKED])
    free_at: dict[str, float] = {}
    found: dict[str, str] = {}
    while waiting:
        # The next of a host that was left alone for a while; when all were asked just now, the one that waits least.
        url = min(waiting, key=lambda one: free_at.get(_host(one), 0.0))
        wait = free_at.get(_host(url), 0.0) - time.monotonic()
        if time.monotonic() + max(wait, 0.0) + SECONDS_EACH > ends:
            break
        if wait > 0:
            time.sleep(wait)
        waiting.remove(url)
        found[url] = problem_of(url, allowed)
        free_at[_host(url)] = time.monotonic() + pause
    return found


def problem_of(url: str, hosts: frozenset[str], *, seconds: float = SECONDS_EACH) -> str:
    """Why an address does not answer, in a sentence; empty when it does.

    Redirects are followed within the allowed hosts. One that leads out of them is not, and is an answer, unless it
    leads to a private network or to a name that nobody has.
    """
    ends = time.monotonic() + seconds
    try:
        for _ in range(MOST_REDIRECTS + 1):
            if _host(url) not in hosts:
                locate(url)
                return ""
            answer = _ask(url, ends)
            target = answer.headers.get("location", "")
            if not (300 <= answer.status < 400 and target):
                answers = answer.status < 400 or answer.status in NOT_FOR_US
                return "" if answers else f"It answers with the status {answer.status}"
            url = urljoin(url, target)
    except Forbidden as error:
        return f"It leads where nothing is asked. {error}"
    except NoAnswer as error:
        return f"Nobody answers. {error}"
    except ValueError:
        return "It leads on to what is no address"
    return f"It leads on more than {MOST_REDIRECTS} times"


def _ask(url: str, ends: float) -> Answer:
    """The answer without the page; with the beginning of it from a server that does not answer otherwise."""
    answer = _once("HEAD", url, ends)
    return answer if answer.status < 400 else _once("GET", url, ends)


def _once(method: Literal["GET", "HEAD"], url: str, ends: float) -> Answer:
    left = ends - time.monotonic()
    if left <= 0:
        raise NoAnswer(f"{_host(url)}: no answer in time.")
    headers = {"User-Agent": f"Plumb-checkup/1 (+{settings.PUBLIC_URL}; tries its own useful links)", "Accept": "*/*"}
    return ask(method, url, headers=headers, seconds=left, most=MOST_BYTES)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _sight(link: Link, expected: str, found: str) -> Sight:
    return Sight(
        subject=link.subject, label=f"{link.where}: {link.label}", detail=link.label, expected=expected, found=found
    )


def _still_so(unasked: Sequence[Link]) -> list[Sight]:
    """What was found before of links that were not asked this time: nobody knows better."""
    there = {(one.subject, one.detail): one for one in Finding.objects.standing().filter(rule="process.links_answer")}
    known = [(link, there[link.subject, link.label]) for link in unasked if (link.subject, link.label) in there]
    return [_sight(link, one.expected, one.found) for link, one in known]
