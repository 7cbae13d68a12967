"""A program that follows the feed in this process, and checks each change against the copy that it holds."""

from __future__ import annotations

from typing import Any

from crm.core.api.resources import followed
from tests.keys import Program

Record = dict[str, Any]
Change = dict[str, Any]
Key = tuple[str, int]


class Follower:
    """Keeps a cursor and a copy; what an update says was there before, has to be what it holds."""

    def __init__(self, ask: Program, objects: str = "") -> None:
        self.ask = ask
        begun = ask("GET", f"changes/?cursor=now&objects={objects}")
        assert begun.status_code == 200, begun.content
        self.cursor: str = begun.json()["cursor"]
        self.copy: dict[Key, Record] = {}
        self.states: dict[tuple[str, int, int], Record] = {}

    def answer(self, **params: Any) -> Any:
        """What is answered to the cursor it has."""
        said = "".join(f"&{name}={value}" for name, value in params.items())
        return self.ask("GET", f"changes/?cursor={self.cursor}{said}")

    def page(self, **params: Any) -> dict[str, Any]:
        """The next page; the cursor stays."""
        answer = self.answer(**params)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def pages(self, **params: Any) -> list[dict[str, Any]]:
        """Every page there is now."""
        found = []
        while True:
            page = self.page(**params)
            self.cursor = page["cursor"]
            found.append(page)
            if not page["more"]:
                return found

    def read(self, **params: Any) -> list[Change]:
        """Every change there is now, taken over into the copy."""
        changes = [change for page in self.pages(**params) for one in page["transactions"] for change in one["changes"]]
        for change in changes:
            self.apply(change)
        return changes

    def apply(self, change: Change) -> None:
        """Take one change over."""
        key: Key = (change["object"], change["id"])
        held = self.copy.get(key)
        known = held["version"] if held else 0
        if change["op"] in ("deleted", "merged") or change.get("record", ...) is None:
            self.copy.pop(key, None)
            return
        if change["version"] <= known:
            return
        if "record" in change:
            self.copy[key] = change["record"]
        elif held:
            assert change["version"] == known + 1
            for name, value in change["changed"].items():
                assert held[name] == value["old"], f"{key}.{name}: {held[name]!r}, told as {value['old']!r}"
            new = {name: value["new"] for name, value in change["changed"].items()}
            beside = {name: change[name] for name in ("version", "updated_at")}
            self.copy[key] = {**held, **new, **beside}
        if key in self.copy:
            self.states[(*key, self.copy[key]["version"])] = self.copy[key]


def stored(ask: Program, *objects: str) -> dict[Key, Record]:
    """What the API lists of these objects now."""
    found: dict[Key, Record] = {}
    for name in objects or followed():
        answer = ask("GET", f"{name}/?limit=1000")
        assert answer.status_code == 200, answer.content
        found |= {(name, row["id"]): row for row in answer.json()["results"]}
    return found


def told(changes: list[Change]) -> list[tuple[str, int, int, str]]:
    """Object, id, version and op of each."""
    return [(one["object"], one["id"], one["version"], one["op"]) for one in changes]
