"""Every opportunity as it was at each of many moments, in one statement: what `as_of` says of each, read once.

A change counts from the earliest `at` of it and of those written after it: what was written last has the last word.
So the versions of a record, in the order they were written, hold for spans that follow one another, and so do its
stages. Each is told once, with the moments of its span, and nothing is read again for each moment. A value in a version
is the old one of the first change of it after that, in the same life; without one, what that life ended with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from crm import handbook
from crm.reviews.pipeline.as_of import BEFORE, MERGED, PRIOR, TAKEN_BACK, TOLD, WORDS
from crm.reviews.pipeline.valued import Statement, valued

# `from_n` is the number of the first moment of a span, `to_n` that of the first one after it.
EACH = """
    WITH moments AS (SELECT at, n FROM unnest(%({p}_at)s::timestamptz[]) WITH ORDINALITY AS one (at, n)),
    written AS (
        SELECT c.record_id, c.id, c.op, c.what, min(c.at) OVER w AS since,
               count(*) FILTER (WHERE c.op = 'D') OVER w AS life
        FROM history_change c WHERE c.object = 'opportunity'
        WINDOW w AS (PARTITION BY c.record_id ORDER BY c.id DESC ROWS UNBOUNDED PRECEDING)),
    seen AS (SELECT record_id, min(since) AS first, max(since) AS last FROM written GROUP BY record_id),
    told AS ({told}),
    spans AS (
        SELECT record_id, from_state, to_state, at, version = min(version) OVER r AS is_first,
               min(at) OVER r AS first, {from_move} AS from_n, COALESCE(lag({from_move}) OVER w, {end}) AS to_n
        FROM (
            SELECT *, min(at) OVER (PARTITION BY record_id ORDER BY version DESC ROWS UNBOUNDED PRECEDING) AS since
            FROM told
        ) one WINDOW r AS (PARTITION BY record_id), w AS (PARTITION BY record_id ORDER BY version DESC)),
    placed AS (
        SELECT record_id, to_state AS stage, at AS since, first, from_n, to_n FROM spans WHERE from_n < to_n
        UNION ALL
        SELECT record_id, from_state, NULL, first, 1, COALESCE(from_n, {end}) FROM spans
        WHERE is_first AND COALESCE(from_n, {end}) > 1),
    elsewhere AS ({words}),
    said AS (
        SELECT DISTINCT ON (m.n, h.record_id, h.name) m.n, h.record_id, h.system, h.name,
               CASE WHEN h.at <= m.at THEN h.new ELSE h.old END AS word
        FROM elsewhere h JOIN seen s USING (record_id) JOIN moments m ON m.at < s.first
        WHERE h.at <= m.at OR h.old IS NOT NULL
        ORDER BY m.n, h.record_id, h.name, h.at > m.at, CASE WHEN h.at <= m.at THEN h.at END DESC, h.at,
                 CASE WHEN h.at <= m.at THEN -h.id ELSE h.id END),
    before AS ({before}),
    merged AS ({merged}),
    versions AS (
        -- As it was until a change: back from how it is now, or from how that life ended.
        SELECT t.record_id AS id, t.earlier IS NULL AS unseen, {until},
               CASE WHEN t.life > 0 THEN t.ended ->> 'stage' ELSE o.stage END AS stage,
               CASE WHEN t.life > 0 THEN (t.ended ->> 'created_at')::timestamptz ELSE o.created_at END AS created_at,
               COALESCE({from_earlier}, 1) AS from_n, {from_change} AS to_n
        FROM (
            SELECT record_id, life, since, lead(since) OVER r AS earlier, lead(op) OVER r AS op_before,
                   first_value(what) OVER l AS ended, {old}
            FROM written
            WINDOW r AS (PARTITION BY record_id ORDER BY id DESC),
                   l AS (PARTITION BY record_id, life ORDER BY id DESC ROWS UNBOUNDED PRECEDING)
        ) t LEFT JOIN contracts_opportunity o ON o.id = t.record_id AND t.life = 0
        WHERE (t.life > 0 OR o.id IS NOT NULL) AND t.op_before IS DISTINCT FROM 'D'
        UNION ALL
        SELECT o.id, s.record_id IS NULL, {now}, o.stage, o.created_at, COALESCE({from_last}, 1), {end}
        FROM contracts_opportunity o LEFT JOIN seen s ON s.record_id = o.id)
    SELECT w.id, w.name, COALESCE(a.survivor_id, w.account_id) AS account_id, w.owner_id, w.type, w.amount, w.currency,
           w.close_on, w.stated_forecast, w.confidence, w.next_step, w.next_step_due, w.stage, w.since, w.born,
           w.n, (%({p}_days)s::date[])[w.n] AS day
    FROM (
        SELECT v.id, v.n, v.unseen, {taken_back}, CASE WHEN p.record_id IS NULL THEN v.stage ELSE p.stage END AS stage,
               p.since, LEAST(v.created_at, s.first, p.first) AS born
        FROM (SELECT *, generate_series(from_n, to_n - 1) AS n FROM versions WHERE from_n < to_n) v
        LEFT JOIN seen s ON s.record_id = v.id
        LEFT JOIN placed p ON p.record_id = v.id AND v.n >= p.from_n AND v.n < p.to_n
        LEFT JOIN before t ON t.record_id = v.id AND t.n = v.n AND v.unseen
    ) w LEFT JOIN merged a ON a.id = w.account_id
    WHERE NOT w.unseen OR w.born <= (%({p}_at)s::timestamptz[])[w.n]
"""
# The number of the first moment that is not before this one.
FROM = "(width_bucket({at} - interval '1 microsecond', %({p}_at)s::timestamptz[]) + 1)"


def as_of_each(moments: Sequence[datetime], *, named: str = "at") -> Statement:
    """SQL of every opportunity there was at each of these moments, which rise, and its parameters.

    Its columns are those of `as_of`, the number of the moment, `n`, from 1, and `day`, the company's day then.
    """
    began = {name: FROM.format(at=at, p=named) for name, at in (
        ("from_move", "since"), ("from_earlier", "t.earlier"), ("from_change", "t.since"), ("from_last", "s.last"),
    )}  # fmt: skip
    rows = EACH.format(
        p=named,
        end=len(moments) + 1,
        told=TOLD.format(asked=""),
        words=WORDS.format(p=named, seen=""),
        before=BEFORE.format(p=named, moment="s.n, ", moment_of="d.n, "),
        merged=MERGED,
        old=", ".join(
            f"min(ARRAY[lpad(id::text, 19, '0'), what -> '{name}' ->> 0]) FILTER (WHERE op = 'U' AND what ? '{name}')"
            f" OVER l AS {name}"
            for name in TAKEN_BACK
        ),
        until=", ".join(
            f"CASE WHEN t.{name} IS NOT NULL THEN t.{name}[2]::{kind}"
            f" WHEN t.life > 0 THEN (t.ended ->> '{name}')::{kind} ELSE o.{name} END AS {name}"
            for name, kind in TAKEN_BACK.items()
        ),
        now=", ".join(f"o.{name}" for name in TAKEN_BACK),
        taken_back=", ".join(
            f"CASE WHEN t.was ? '{name}' THEN (t.was ->> '{name}')::{kind} ELSE v.{name} END AS {name}"
            if name in PRIOR.values()
            else f"v.{name}"
            for name, kind in TAKEN_BACK.items()
        ),
        **began,
    )
    statement, params = valued(rows, moments[0], named=named, day="o.day")
    book = handbook.current()
    return statement, params | {
        f"{named}_at": list(moments),
        f"{named}_days": [book.today(at) for at in moments],
        f"{named}_prior": list(PRIOR),
        f"{named}_names": json.dumps(PRIOR),
    }
