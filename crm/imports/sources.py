"""Where the files of an export are: a folder of this machine, or what somebody uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol, cast

from django.core.files.storage import default_storage


class Source(Protocol):
    """Some CSV files, by their names."""

    def names(self) -> list[str]:
        """The names of the files, in order."""

    def open(self, name: str) -> BinaryIO:
        """A file, to be read from its beginning. Raises OSError when it cannot be."""

    def size(self, name: str) -> int:
        """Its length in bytes."""


class Folder:
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Every CSV file in it; folders within are not looked into."""
        return [path.name for path in sorted(self.path.iterdir()) if path.suffix.lower() == ".csv"]

    def open(self, name: str) -> BinaryIO:
        """One of its files."""
        return (self.path / name).open("rb")

    def size(self, name: str) -> int:
        """Its length in bytes."""
        return (self.path / name).stat().st_size


class Stored:
    """What was uploaded, in Django's default storage: `folder` and the names of the files in it."""

    def __init__(self, folder: str, names: list[str]) -> None:
        self.folder, self._names = folder, names

    def names(self) -> list[str]:
        """The files, by name."""
        return sorted(self._names)

    def open(self, name: str) -> BinaryIO:
        """One of the files."""
        return cast(BinaryIO, default_storage.open(f"{self.folder}/{name}", "rb"))

    def size(self, name: str) -> int:
        """Its length in bytes."""
        return default_storage.size(f"{self.folder}/{name}")
