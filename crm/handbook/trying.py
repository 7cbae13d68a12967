"""A text of the handbook that somebody tries on a page before it is in the file."""

from __future__ import annotations

from pathlib import Path

from django import forms

from crm import handbook
from crm.handbook.document import Handbook
from crm.handbook.problems import HandbookError
from crm.handbook.reader import with_section

SAID = 20  # so many problems are said at once


def clean_tried(text: str, *, section: str, name: str) -> tuple[str, Handbook]:
    """The text with line ends as a file has them, and the handbook with it in place of its section.

    `name` is what problems call the text.

    Raises:
        ValidationError: what is wrong, as of any handbook.
    """
    text = text.replace("\r\n", "\n")
    try:
        return text, with_section(handbook.current(), text, Path(name), section)
    except HandbookError as error:
        raise forms.ValidationError([str(problem) for problem in error.problems[:SAID]]) from None
