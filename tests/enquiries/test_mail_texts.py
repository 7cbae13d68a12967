"""Reading messages as they really are: parts, encodings, lies about encodings, and never a traceback."""

from __future__ import annotations

import base64
import quopri
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.core.errors import Refused
from crm.enquiries.incoming import LONGEST_TEXT
from crm.enquiries.mail.reading import Mail, read_mail
from tests.enquiries.mails import mail, multipart

AT = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
UMLAUTS = "Grüße aus Köln – für 5 €"


def read(raw: bytes) -> Mail:
    return read_mail(raw, at=AT)


@pytest.mark.parametrize(
    ("claimed", "bytes_sent"),
    [
        ("utf-8", UMLAUTS.encode()),
        ("us-ascii", UMLAUTS.encode()),
        ("iso-8859-1", UMLAUTS.encode()),
        ("utf-8", UMLAUTS.encode("cp1252")),
        ("windows-1252", UMLAUTS.encode("cp1252")),
        ("no-such-charset", UMLAUTS.encode()),
        ("hex", UMLAUTS.encode("cp1252")),
        ("", UMLAUTS.encode("cp1252")),
        ("undefined", UMLAUTS.encode()),
    ],
)
@pytest.mark.parametrize("transfer", ["base64", "quoted-printable", "8bit"])
def test_it_is_read_whatever_is_claimed_of_its_encoding(claimed: str, bytes_sent: bytes, transfer: str) -> None:
    body = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(transfer, bytes)(bytes_sent)
    charset = f'; charset="{claimed}"' if claimed else ""
    head = mail(f"MIME-Version: 1.0\nContent-Type: text/plain{charset}\nContent-Transfer-Encoding: {transfer}", body="")
    assert read(head + body).text == UMLAUTS


def test_escapes_of_seven_bits_are_read_as_what_they_are() -> None:
    head = mail("Content-Type: text/plain; charset=iso-2022-jp", body="")
    assert read(head + "こんにちは".encode("iso-2022-jp")).text == "こんにちは"


def test_text_of_two_bytes_a_letter_is_read() -> None:
    head = mail("Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64", body="")
    assert read(head + base64.encodebytes(UMLAUTS.encode("utf-16"))).text == UMLAUTS


def test_of_one_message_said_twice_the_plain_words_are_read() -> None:
    header, body = multipart(
        "alternative", "Content-Type: text/plain\n\nHello.", "Content-Type: text/html\n\n<p>Hello <b>you</b>.</p>"
    )
    assert read(mail(header, body=body)).text == "Hello."


def test_where_the_plain_words_are_empty_the_page_is_read() -> None:
    header, body = multipart("alternative", "Content-Type: text/plain\n\n  ", "Content-Type: text/html\n\n<p>Hello.")
    assert read(mail(header, body=body)).text == "Hello."


def test_a_page_is_read_as_words() -> None:
    html = (
        "<html><head><title>x</title><style>p {color: red}</style></head><body><script>alert(1)</script>"
        "<p>Do you&nbsp;support\n   <b>Windows</b> &amp; Linux?</p><ul><li>One<li>Two</ul>1 &lt; 2<br>Nia</body></html>"
    )
    assert read(mail("Content-Type: text/html", body=html)).text == (
        "Do you support Windows & Linux?\n\nOne\nTwo\n1 < 2\nNia"
    )


def test_what_is_attached_is_named_and_not_stored() -> None:
    header, body = multipart(
        "mixed",
        "Content-Type: text/plain\n\nSee the plan.",
        'Content-Type: application/pdf; name="plan.pdf"\nContent-Transfer-Encoding: base64\n\nSECRET',
        "Content-Type: text/plain\nContent-Disposition: attachment; filename*=utf-8''k%C3%B6ln.txt\n\nSECRET",
        "Content-Type: image/png\n\nSECRET",
    )
    assert read(mail(header, body=body)).text == "See the plan.\n\nAttached: plan.pdf, köln.txt, image/png"


def test_a_message_within_a_message_is_named_and_read_where_there_is_nothing_else() -> None:
    inner = "Content-Type: message/rfc822\n\nFrom: a@b.example\nSubject: =?utf-8?q?K=C3=B6ln?=\n\nInner words."
    header, body = multipart("mixed", "Content-Type: text/plain\n\nFor you.", inner)
    assert read(mail(header, body=body)).text == "For you.\n\nAttached: Köln"
    header, body = multipart("mixed", inner)
    assert read(mail(header, body=body)).text == "Inner words.\n\nAttached: Köln"


@pytest.mark.parametrize(
    ("sender", "name", "email"),
    [
        ("=?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <j@hooli.example>", "Jürgen Groß", "j@hooli.example"),
        ("=?iso-8859-1?b?SvxyZ2Vu?= <j@hooli.example>", "Jürgen", "j@hooli.example"),
        ('"Park, Nia" <nia@hooli.example>', "Park, Nia", "nia@hooli.example"),
        ("=?utf-8?b?broken?= <j@hooli.example>", None, "j@hooli.example"),
        ("nia@hooli.example (Nia Park)", "Nia Park", "nia@hooli.example"),
        ("nia@hooli.example", "", "nia@hooli.example"),
        ("Nia <nia@hooli.example>, Other <other@hooli.example>", "Nia", "nia@hooli.example"),
        ("undisclosed", "", ""),
        ("Jürgen <j@hooli.example>", None, "j@hooli.example"),
    ],
)
def test_who_wrote_it_is_read(sender: str, name: str | None, email: str) -> None:
    found = read(mail(from_=sender))
    assert found.email == email
    assert name is None or found.name == name


def test_a_subject_is_one_line_of_words() -> None:
    raw = mail(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_an?=\n\tAlle")
    assert read(raw).subject == "Grüße an Alle"


def test_what_it_answers_is_read_the_nearest_first() -> None:
    raw = mail("References: <a@x.example>\n <b@x.example>\nIn-Reply-To: <c@x.example> (of yesterday)")
    assert read(raw).references == ("c@x.example", "b@x.example", "a@x.example")


def test_a_very_long_message_is_shortened_and_says_so() -> None:
    text = read(mail(body="word " * 100_000)).text
    assert len(text) <= LONGEST_TEXT
    assert text.endswith("[The rest is not stored here.]")


def test_what_cannot_be_stored_is_left_out() -> None:
    found = read(mail(body="a\x00b\x1bc\r\nd", subject="x\x00y"))
    assert (found.text, found.subject) == ("abc\nd", "x y")


HEADERS = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Received", "Return-Path"]
HEADERS += ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "MIME-Version", "Auto-Submitted"]
HEADERS += ["List-Id", "Precedence", "Authentication-Results", "X-Any"]
VALUES = st.one_of(
    st.sampled_from(
        [
            "multipart/mixed; boundary=b",
            "multipart/alternative; boundary=b",
            "multipart/report; boundary=b",
            "message/rfc822",
            "text/html; charset=utf-7",
            "text/plain; charset*=x''%FF",
            "text/calendar; method=REQUEST",
            "base64",
            "quoted-printable",
            "x-uuencode",
            "attachment; filename*0*=utf-8''%ff; filename*1=x",
            "=?utf-8?b?////?= <a@b",
            "=?x?q?=FF?=",
            "<>",
            "mx; dmarc=fail",
            "Fri, 31 Feb 2031 99:00:00 +9999",
        ]
    ).map(str.encode),
    st.binary(max_size=60),
)
LINES = st.one_of(st.just(b"--b"), st.just(b"--b--"), st.just(b""), st.binary(max_size=80))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(HEADERS), VALUES), max_size=12),
    st.lists(st.one_of(LINES, st.tuples(st.sampled_from(HEADERS), VALUES)), max_size=20),
)
def test_whatever_comes_is_read_or_refused(
    headers: list[tuple[str, bytes]], lines: list[bytes | tuple[str, bytes]]
) -> None:
    raw = b"\n".join(name.encode() + b": " + value for name, value in headers) + b"\n\n"
    raw += b"\n".join(one if isinstance(one, bytes) else one[0].encode() + b": " + one[1] for one in lines)
    with suppress(Refused):
        found = read_mail(raw, at=AT, relay="mx", lists=["a.b"])
        stored = "\n".join([found.key, found.name, found.email, found.subject, found.text, *found.references])
        assert "\x00" not in stored
        stored.encode()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(Refused):
        read_mail(raw, at=AT).text.encode()
