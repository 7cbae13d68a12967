"""Bring a spreadsheet in: python docs/upsert_csv.py https://crm.example.com KEY leads erp leads.csv

The column `external_id` has the ids that the other system (`erp`) knows the rows by; the others are called as the
fields of the API. Rows that are not here yet are created, the others changed where they differ; an empty cell leaves
what is stored; several domains stand between semicolons. Bring in the same file again whenever you like: what is the
same stays as it is.
"""

import csv
import json
import sys
import time
import uuid
from http.client import HTTPException
from itertools import islice
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

# Cells are texts; these columns, and all that end in _id, are numbers to the API.
NUMBERS = {"employees", "if_version", "probability", "confidence", "hosts"}
LISTS = {"domains"}
ROWS, TRIES = 1000, 10


def row_of(line):
    """A row as the API takes it."""
    cells = {name.strip(): cell.strip() for name, cell in line.items() if name and cell and cell.strip()}
    numbers = {name for name in cells if name in NUMBERS or (name.endswith("_id") and name != "external_id")}
    read = {name: int(cell) if name in numbers and cell.isdecimal() else cell for name, cell in cells.items()}
    return read | {name: cells[name].replace(";", " ").split() for name in LISTS & cells.keys()}


def send(address, key, rows):
    """Send rows until they are answered. However often they are sent, they are stored once: the name says so."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/x-ndjson",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    body = "\n".join(json.dumps(row) for row in rows).encode()
    for attempt in range(TRIES):
        wait = 2**attempt
        try:
            with urlopen(Request(address, body, headers), timeout=300) as answer:
                return json.load(answer)
        except HTTPError as error:
            said = error.read().decode(errors="replace")
            # What stands between answers in words of its own.
            problem = json.loads(said) if error.headers.get_content_type() == "application/problem+json" else {}
            if error.code not in (429, 500, 502, 503, 504) and problem.get("code") != "still_running":
                detail = problem.get("detail", f"{address} answered {error.code}.")
                raise SystemExit(f"{detail} (request {problem.get('request_id')})") from error
            wait = int(error.headers.get("Retry-After", wait))
        except (OSError, HTTPException, ValueError) as error:
            print(f"{error}: trying again", file=sys.stderr)
        time.sleep(wait)
    raise SystemExit("The server did not answer. Start again later: nothing is stored twice.")


def main(url, key, resource, system, file):
    address = f"{url}/api/v1/{resource}/bulk/?{urlencode({'operation': 'upsert', 'system': system})}"
    counts = {"created": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    with open(file, newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        if "external_id" not in {name.strip() for name in reader.fieldnames or ()}:
            raise SystemExit("The first line names no column “external_id”: save it as CSV with commas, in UTF-8.")
        rows = ((reader.line_num, row_of(line)) for line in reader)
        while batch := list(islice(rows, ROWS)):
            answer = send(address, key, [row for _, row in batch])
            for (line, row), result in zip(batch, answer["results"], strict=True):
                counts[result["outcome"]] += 1
                if result["outcome"] == "rejected":
                    print(f"line {line}, {row.get('external_id')}: {result['message']}")
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return counts["rejected"] > 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:6]))
    except UnicodeDecodeError:
        sys.exit("The file is not UTF-8: save it as CSV in UTF-8, and bring it in again: nothing is stored twice.")
