"""Keep an exact copy of Plumb's records in SQLite: python docs/follower.py https://crm.example.com KEY copy.sqlite3

Every object is loaded once, by its export; then the feed of changes is followed, page by page, for ever. A page and the
cursor after it are stored in one transaction: end this program anywhere, start it again, and it goes on from there.
"""

import json
import sqlite3
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

OBJECTS = "users accounts contacts leads opportunities contact_roles contracts invoices activities tasks enquiries"
TABLES = """
    CREATE TABLE IF NOT EXISTS records (object, id, version, record, PRIMARY KEY (object, id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS place (cursor)"""


class Follower:
    def __init__(self, url, key, file, objects=OBJECTS):
        self.url, self.key, self.objects = url, key, objects.split()
        self.db = sqlite3.connect(file, isolation_level=None)
        self.db.executescript(TABLES)

    def ask(self, path, **query):
        headers = {"Authorization": f"Bearer {self.key}"}
        return urlopen(Request(f"{self.url}/api/v1/{path}/?{urlencode(query)}", headers=headers), timeout=60)

    def run(self):
        while True:
            time.sleep(self.go())

    def go(self):
        """One step, whatever comes of it. The answer is how many seconds to wait before the next."""
        try:
            return 0 if self.step() else 1
        except HTTPError as error:
            if error.code == 410:  # the cursor leads nowhere any more: the next step loads everything anew
                self.db.execute("DELETE FROM place")
                return 0
            if error.code == 429 or error.code >= 500:
                return int(error.headers.get("Retry-After", 5))
            raise SystemExit(f"{error.code}: {json.load(error)['detail']}") from error
        except (OSError, HTTPException, ValueError):  # the line broke: what was half read is not stored
            return 5

    def step(self, wait=30, limit=1000):
        """Follow one page; without a cursor yet, load everything. The answer is whether there was anything."""
        place = self.db.execute("SELECT cursor FROM place").fetchone()
        if place is None:
            return self.load()
        with self.ask("changes", cursor=place[0], wait=wait, limit=limit) as answer:
            page = json.load(answer)
        with self.db:  # what changed and how far that goes: both, or neither
            self.db.execute("BEGIN")
            for transaction in page["transactions"]:
                for change in transaction["changes"]:
                    self.apply(change)
            self.db.execute("UPDATE place SET cursor = ?", [page["cursor"]])
        return bool(page["transactions"]) or page["more"]

    def apply(self, change):
        """Take a change over, unless it is known already: exports overlap the feed, and pages may come twice."""
        name, id, version = change["object"], change["id"], change["version"]
        held = self.db.execute("SELECT version, record FROM records WHERE object = ? AND id = ?", [name, id]).fetchone()
        known, record = held or (0, None)
        if change["op"] in ("deleted", "merged") or change.get("record", "unsaid") is None:
            if version >= known:
                self.store(name, id, version, None)  # the version stays: no older page may bring the record back
        elif version > known and change["op"] in ("created", "erased"):
            self.store(name, id, version, change["record"])
        elif version > known and record:
            fields = {field: value["new"] for field, value in change["changed"].items()}
            fields |= {"version": version, "updated_at": change["updated_at"]}
            self.store(name, id, version, json.loads(record) | fields)

    def store(self, name, id, version, record):
        row = [name, id, version, record and json.dumps(record)]
        self.db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", row)

    def load(self):
        """Replace all there is by exports, and go on from the first one's cursor: the others' are later."""
        with self.db:
            self.db.execute("BEGIN")
            self.db.execute("DELETE FROM records")
            self.db.execute("DELETE FROM place")
            for name in self.objects:
                record, count = {}, 0
                with self.ask(f"{name}/export", objects=",".join(self.objects)) as export:
                    for count, line in enumerate(export):
                        record = json.loads(line)
                        if "_end" not in record:
                            self.store(name, record["id"], record["version"], record)
                if "_end" not in record or record["count"] != count:
                    raise ValueError(f"The export of {name} is not whole.")
                if name == self.objects[0]:
                    self.db.execute("INSERT INTO place VALUES (?)", [record["cursor"]])
        return True


if __name__ == "__main__":
    Follower(*sys.argv[1:4]).run()
