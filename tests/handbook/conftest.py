"""A handbook to spoil: the shipped file with one passage replaced, and what the reader says about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crm.handbook import SHIPPED
from crm.handbook.problems import HandbookError, Problem
from crm.handbook.reader import read

Spoil = Callable[..., list[Problem]]


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes the shipped handbook with passages replaced, given as (old, new) pairs; every old one must occur."""

    def write(*changes: tuple[str, str]) -> Path:
        text = SHIPPED.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{old!r} is not in the shipped handbook"
            text = text.replace(old, new, 1)
        path = tmp_path / "ours.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def refused(written: Callable[..., Path]) -> Spoil:
    """The problems of the shipped handbook with passages replaced; fails if it is not refused."""

    def spoil(*changes: tuple[str, str]) -> list[Problem]:
        with pytest.raises(HandbookError) as error:
            read(written(*changes))
        return list(error.value.problems)

    return spoil
