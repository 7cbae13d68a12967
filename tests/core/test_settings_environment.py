"""The environment is read strictly: a wrong value is one sentence, in every process."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from crm.core import environment
from crm.core.checks import refuse_unsafe_start
from crm.core.environment import CANNOT_START
from tests.children import LONG_KEY, PRODUCTION, run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def set_value(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def refused(capsys: Capture) -> str:
    """The one line that was said."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text.strip()


@pytest.mark.parametrize(
    ("value", "meant"), [("1", True), ("True", True), ("on", True), ("0", False), ("no", False), ("", False)]
)
def test_it_reads_yes_and_no(set_value: pytest.MonkeyPatch, value: str, meant: bool) -> None:
    set_value.setenv("DEBUG", value)
    assert environment.flag("DEBUG", default=not meant) is meant


def test_it_refuses_a_maybe(set_value: pytest.MonkeyPatch, capsys: Capture) -> None:
    set_value.setenv("DEBUG", "ture")
    with pytest.raises(SystemExit) as ended:
        environment.flag("DEBUG", default=False)
    assert ended.value.code == CANNOT_START
    assert refused(capsys) == "Plumb does not start: DEBUG is 'ture', but has to be 1 or 0."


@pytest.mark.parametrize("value", ["0", "65537", "-1", "8e3", "８０"])
def test_it_refuses_a_number_out_of_bounds(set_value: pytest.MonkeyPatch, capsys: Capture, value: str) -> None:
    set_value.setenv("PORT", value)
    with pytest.raises(SystemExit):
        environment.whole_number("PORT", default=8000, least=1, most=65535)
    assert refused(capsys) == f"Plumb does not start: PORT is '{value}', but has to be a number from 1 to 65535."


@pytest.mark.parametrize(
    "value",
    ["mysql://u:secret@h/plumb", "postgres://", "postgres://u:secret@h:x1/plumb", "secret", "postgres://u:secret@h"],
)
def test_it_refuses_a_database_without_repeating_its_password(
    set_value: pytest.MonkeyPatch, capsys: Capture, value: str
) -> None:
    set_value.setenv("DATABASE_URL", value)
    with pytest.raises(SystemExit):
        environment.database("DATABASE_URL")
    text = refused(capsys)
    assert "postgres://user:password@host:5432/plumb" in text
    assert "secret" not in text


def test_it_reads_a_socket_s_folder(set_value: pytest.MonkeyPatch) -> None:
    set_value.setenv("DATABASE_URL", "postgres://me@%2Fvar%2Frun%2Fpostgresql/plumb")
    found = environment.database("DATABASE_URL")
    assert (found["HOST"], found["NAME"], found["USER"]) == ("/var/run/postgresql", "plumb", "me")


@pytest.mark.parametrize("value", ["nats://secret", "secret", "sqs://", "redis:6379"])
def test_it_refuses_an_unknown_broker(set_value: pytest.MonkeyPatch, capsys: Capture, value: str) -> None:
    set_value.setenv("CELERY_BROKER_URL", value)
    with pytest.raises(SystemExit):
        environment.broker("CELERY_BROKER_URL", ["redis", "pgmq"], default="pgmq://x")
    assert "secret" not in refused(capsys)


def test_it_splits_words(set_value: pytest.MonkeyPatch) -> None:
    set_value.setenv("ALLOWED_HOSTS", " a.example , b.example,, ")
    assert environment.words("ALLOWED_HOSTS") == ["a.example", "b.example"]
    set_value.setenv("ALLOWED_HOSTS", " ")
    assert environment.words("ALLOWED_HOSTS", default=["x"]) == ["x"]


def test_it_reads_a_mail_server(set_value: pytest.MonkeyPatch) -> None:
    set_value.delenv("EMAIL_URL", raising=False)
    assert environment.mail_server("EMAIL_URL") == {}
    set_value.setenv("EMAIL_URL", "smtp+tls://me%40example.com:pass%2Fword@mail.example.com")
    found = environment.mail_server("EMAIL_URL")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == ("mail.example.com", 587, True)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("me@example.com", "pass/word")
    set_value.setenv("EMAIL_URL", "smtp+ssl://mail.example.com:2465")
    found = environment.mail_server("EMAIL_URL")
    assert (found["EMAIL_PORT"], found["EMAIL_USE_SSL"], found["EMAIL_HOST_USER"]) == (2465, True, "")


@pytest.mark.parametrize("value", ["secret", "http://u:secret@h", "smtp://", "smtp://u:secret@h:x1", "memorymail://"])
def test_it_refuses_a_mail_server_without_repeating_its_password(
    set_value: pytest.MonkeyPatch, capsys: Capture, value: str
) -> None:
    set_value.setenv("EMAIL_URL", value)
    with pytest.raises(SystemExit):
        environment.mail_server("EMAIL_URL")
    text = refused(capsys)
    assert "smtp+tls://user:password@mail.example.com:587" in text
    assert "secret" not in text


@pytest.mark.parametrize("value", ["", "Plumb", "plumb@", "@example.com", "a b@example.com", "P <p@x.example>\nBcc: y"])
def test_it_refuses_a_sender_that_is_none(set_value: pytest.MonkeyPatch, capsys: Capture, value: str) -> None:
    set_value.setenv("DEFAULT_FROM_EMAIL", value)
    with pytest.raises(SystemExit):
        environment.sender("DEFAULT_FROM_EMAIL", needed=True)
    assert "Plumb <plumb@example.com>" in refused(capsys)


def test_it_reads_a_sender(set_value: pytest.MonkeyPatch) -> None:
    set_value.setenv("DEFAULT_FROM_EMAIL", "Plumb <crm@example.com>")
    assert environment.sender("DEFAULT_FROM_EMAIL", needed=True) == "Plumb <crm@example.com>"


def test_it_reads_rooms_between_commas_blanks_or_lines(set_value: pytest.MonkeyPatch) -> None:
    set_value.setenv("CHAT_WEBHOOKS", "a=https://x.example/s?b=1,2, b=mmosts://host/token\n c=https://y.example/,")
    assert environment.rooms("CHAT_WEBHOOKS") == {
        "a": "https://x.example/s?b=1,2",
        "b": "mmosts://host/token",
        "c": "https://y.example/",
    }
    set_value.setenv("CHAT_WEBHOOKS", " ")
    assert environment.rooms("CHAT_WEBHOOKS") == {}


@pytest.mark.parametrize(
    "value",
    ["https://x.example/secret", "a=secret", "a=https://x/secret a=https://y/secret", "A=https://x/secret", "a="],
)
def test_it_refuses_rooms_without_repeating_an_address(
    set_value: pytest.MonkeyPatch, capsys: Capture, value: str
) -> None:
    set_value.setenv("CHAT_WEBHOOKS", value)
    with pytest.raises(SystemExit):
        environment.rooms("CHAT_WEBHOOKS")
    assert "secret" not in refused(capsys)


@pytest.mark.parametrize(
    ("value", "found"),
    [("https://crm.example.com/", "https://crm.example.com"), ("http://10.0.0.5:8080", "http://10.0.0.5:8080")],
)
def test_it_reads_the_public_address(set_value: pytest.MonkeyPatch, value: str, found: str) -> None:
    set_value.setenv("PUBLIC_URL", value)
    assert environment.public_address("PUBLIC_URL", default="") == found


@pytest.mark.parametrize(
    "value", ["crm.example.com", "https://", "https://x.example/crm", "ftp://x", "https://x:99999"]
)
def test_it_refuses_a_public_address_that_links_cannot_begin_with(
    set_value: pytest.MonkeyPatch, capsys: Capture, value: str
) -> None:
    set_value.setenv("PUBLIC_URL", value)
    with pytest.raises(SystemExit):
        environment.public_address("PUBLIC_URL", default="")
    assert "without a path" in refused(capsys)


MANAGE = ("manage.py", "check")
GUNICORN = ("-m", "gunicorn", "-c", "crm/gunicorn_config.py", "crm.wsgi", "--bind", "127.0.0.1:0")
PLAIN_GUNICORN = ("-m", "gunicorn", "--no-control-socket", "crm.wsgi", "--bind", "127.0.0.1:0")
WORKER = ("-m", "celery", "-A", "crm", "worker")
BEAT = ("-m", "celery", "-A", "crm", "beat", "--pidfile=")


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize(
    "words",
    [MANAGE, GUNICORN, *(pytest.param(one, marks=pytest.mark.soak) for one in (PLAIN_GUNICORN, WORKER, BEAT))],
    ids=lambda words: words[2] if words[1] == "gunicorn" else words[-1],
)
def test_no_process_starts_in_production_without_a_secret_key(words: tuple[str, ...]) -> None:
    ended = run(*words, **PRODUCTION | {"SECRET_KEY": ""})
    assert ended.returncode == CANNOT_START, ended.stderr
    assert "Traceback" not in ended.stderr
    (said,) = {line for line in ended.stderr.splitlines() if line.startswith("Plumb does not start")}
    assert said == (
        "Plumb does not start: SECRET_KEY is missing. In production set it to 50 random characters or more; this makes"
        ' one: python -c "import secrets; print(secrets.token_urlsafe(50))" (core.E001)'
    )


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is 'LOUD', but has to be one of DEBUG, INFO"),
    ],
    ids=["short", "level"],
)
def test_it_says_what_is_wrong_in_one_sentence(wrong: dict[str, str], said: str) -> None:
    ended = run("manage.py", "check", **PRODUCTION | wrong)
    assert ended.returncode == CANNOT_START
    assert ended.stderr.startswith(f"Plumb does not start: {said}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"SECRET_KEY": "a" * 80}, "SECRET_KEY is too short"),
        ({"ALLOWED_HOSTS": ["crm.example.com", "*"]}, "ALLOWED_HOSTS is “*”"),
        ({"DEBUG": True}, "DEBUG is on while others than this machine are served"),
    ],
    ids=["one letter", "any host", "debug"],
)
def test_what_every_process_asks_as_it_starts_is_answered_in_one_sentence(
    wrong: dict[str, Any], said: str, settings: Settings, capsys: Capture
) -> None:
    """The process above that has too short a key asks these: here they are asked without one."""
    settings.PRODUCTION, settings.SECRET_KEY = True, LONG_KEY
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["crm.example.com"]
    refuse_unsafe_start()
    for name, value in wrong.items():
        setattr(settings, name, value)
    with pytest.raises(SystemExit) as ended:
        refuse_unsafe_start()
    assert ended.value.code == CANNOT_START
    assert refused(capsys).startswith(f"Plumb does not start: {said}")


@pytest.mark.usefixtures("django_db_setup")
def test_production_is_the_default_and_passes_every_check() -> None:
    assert len(LONG_KEY) >= 50, "a key of enough letters is enough"
    ended = run(
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        **PRODUCTION,
        CELERY_BROKER_URL="redis://broker:6379/0",
    )
    assert ended.returncode == 0, ended.stderr
    assert "WARNINGS" not in ended.stderr
