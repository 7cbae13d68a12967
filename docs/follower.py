"""Keep an exact SQLite copy of Plumb's records: python docs/follower.py https://crm.example.com KEY copy.sqlite3

Each object is loaded once by its export; then the feed of changes is followed, page by page, for ever. A page and the
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
        self.url, self.key, self.objects = f"{url}/api/v1", key, objects.split()
        self.db = sqlite3.connect(file, isolation_level=None)
        self.db.executescript(TABLES)

    def ask(self, path, **query):
        sent = {"Authorization": f"Bearer {self.key}"}
        return urlopen(Request(f"{self.url}/{path}/?{urlencode(query)}", headers=sent), timeout=60)

    def step(self, wait=30, limit=1000):
        """Go one page further, waiting for news; without a place to go on from, load everything. How much it was."""
        place = self.db.execute("SELECT cursor FROM place").fetchone()
        if place is None:
            return self.load()
        with self.ask("changes", cursor=place[0], wait=wait, limit=limit) as answer:
            page = json.load(answer)
        with self.db:  # what changed and how far that goes: both or neither
            self.db.execute("BEGIN")
            for transaction in page["transactions"]:
                for change in transaction["changes"]:
                    self.apply(change)
            self.db.execute("UPDATE place SET cursor = ?", [page["cursor"]])
        return sum(len(transaction["changes"]) for transaction in page["transactions"])

    def apply(self, change):
        """Take one change over, unless it is known: exports overlap the feed, and pages may come twice."""
        key = (change["object"], change["id"])
        held = self.db.execute("SELECT version, record FROM records WHERE object = ? AND id = ?", key).fetchone()
        version, record = held or (0, None)
        if change["op"] in ("deleted", "merged") or change.get("record", 0) is None:
            if change["version"] >= version:
                self.store(*key, change["version"], None)  # its version stays: an older page must not revive it
        elif change["version"] > version and "record" in change:
            self.store(*key, change["version"], change["record"])
        elif change["version"] > version and record:
            changed = {name: value["new"] for name, value in change["changed"].items()}
            beside = {name: change[name] for name in ("version", "updated_at")}
            self.store(*key, change["version"], {**json.loads(record), **changed, **beside})

    def store(self, object, id, version, record):
        row = (object, id, version, record and json.dumps(record))
        self.db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", row)

    def load(self):
        """Replace all there is by fresh exports, and go on from the first one's cursor: the others are younger."""
        cursors = []
        with self.db:
            self.db.execute("BEGIN")
            self.db.execute("DELETE FROM records")
            for name in self.objects:
                with self.ask(f"{name}/export", objects=",".join(self.objects)) as lines:
                    for count, line in enumerate(lines):
                        record = json.loads(line)
                        if "_end" in record:
                            break
                        self.store(name, record["id"], record["version"], record)
                    if not record.get("_end") or record["count"] != count:
                        raise ConnectionError(f"The export of {name} is not whole.")
                    cursors.append(record["cursor"])
            self.db.execute("DELETE FROM place")
            self.db.execute("INSERT INTO place VALUES (?)", cursors[:1])
        return self.db.execute("SELECT count(*) FROM records").fetchone()[0]

    def run(self):
        while True:
            try:
                self.step()
            except HTTPError as error:
                if error.code == 410:  # the cursor leads nowhere any more: the next step loads everything
                    self.db.execute("DELETE FROM place")
                elif error.code == 429 or error.code >= 500:
                    time.sleep(int(error.headers.get("Retry-After", 5)))
                else:
                    raise SystemExit(f"{error.code}: {json.load(error)['detail']}") from error
            except (OSError, HTTPException, ValueError) as error:  # the line broke; what was half read is not stored
                print(error, file=sys.stderr)
                time.sleep(5)


if __name__ == "__main__":
    Follower(*sys.argv[1:4]).run()
