"""What every section of the handbook file is built of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from crm.handbook.values import Key, Label

Sentence = Annotated[str, Field(max_length=300)]


class Section(BaseModel):
    """A table of the file: nothing in it is converted, ignored or changed after reading."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Entry(Section):
    """One value of a list people choose from. The key is stored and never shown, the label is shown and may change."""

    key: Key
    label: Label
