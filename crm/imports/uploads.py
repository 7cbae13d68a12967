"""What somebody uploads: checked before it is stored, stored as it is, unpacked later, removed when it is of no use.

A zip says in its directory how many files it has and how long they will be. That is checked first, and again while it
is unpacked, since a directory may lie.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import IO, Any, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from crm.core.errors import Missing, Refused
from crm.imports.parts import kind_named
from crm.imports.salesforce.reading import Unreadable, decoded_lines

ZIP = "export.zip"
MOST_FILES = 1_000
# Text packs to a tenth, the emptiest columns to a hundredth; a bomb to a thousandth.
MOST_RATIO = 250
# Below this a ratio says nothing.
SMALL = 1024 * 1024
TIMES_THE_LIMIT = 10
CHUNK = 1024 * 1024
ENCRYPTED = 0x1
PACKED = (".zip", ".gz", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz")
ODD = (ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


def most_bytes() -> int:
    """How long the unpacked files of one upload may be, together."""
    return int(settings.UPLOAD_LIMIT) * TIMES_THE_LIMIT


def refuse(code: str, message: str) -> Refused:
    """A refusal that is shown at the form's one field."""
    return Refused(code, message, [Missing(code, message, "files")])


def check_upload(files: Iterable[Any]) -> list[str]:
    """The names of the CSV files in what was sent: one zip, or single CSV files. Nothing is stored yet.

    Raises:
        Refused: `no_file`, `not_a_zip`, `empty_zip`, `encrypted_zip`, `nested_zip`, `bad_path`, `too_many_files`,
            `too_large`, `zip_bomb`, `duplicate_file`, `not_csv`, `wrong_encoding`, `empty_file`, `nothing_to_read`.
    """
    given = list(files)
    if not given:
        raise refuse("no_file", "Choose a zip of the export, or its CSV files.")
    zips = [one for one in given if name_of(one).lower().endswith(".zip")]
    if zips and len(given) > 1:
        raise refuse("no_file", "Choose one zip, or several CSV files, and not both.")
    names = check_zip(given[0]) if zips else [_check_csv(one) for one in given]
    _check_names(names)
    return names


def name_of(upload: Any) -> str:
    """The name of an uploaded file, without the folders that some browsers send."""
    return PurePosixPath(str(upload.name).replace("\\", "/")).name


def check_zip(upload: IO[bytes]) -> list[str]:
    """The names of the CSV files in a zip, from its directory."""
    try:
        with zipfile.ZipFile(upload) as packed:
            members = [info for info in packed.infolist() if not info.is_dir()]
            return _check_members(members)
    except ODD as error:
        raise refuse("not_a_zip", "This is no zip, or a damaged one: it cannot be opened.") from error
    finally:
        upload.seek(0)


def _check_members(members: list[zipfile.ZipInfo]) -> list[str]:
    if not members:
        raise refuse("empty_zip", "The zip is empty.")
    if len(members) > MOST_FILES:
        raise refuse("too_many_files", f"The zip has {len(members):,} files; {MOST_FILES:,} are allowed.")
    total = 0
    for info in members:
        if not _safe(info.filename):
            raise refuse("bad_path", f"The zip has a file outside its own folder ({info.filename[:80]}): not unpacked.")
        if info.flag_bits & ENCRYPTED:
            raise refuse("encrypted_zip", "The zip is locked with a password: unlock it, and zip the files again.")
        if info.filename.lower().endswith(PACKED):
            raise refuse(
                "nested_zip", f"{base(info)} is packed within the zip: unpack it, and zip the CSV files alone."
            )
        if info.file_size > SMALL and info.file_size > MOST_RATIO * max(info.compress_size, 1):
            raise refuse("zip_bomb", f"{base(info)} unpacks to more than {MOST_RATIO} times its size: no export does.")
        total += info.file_size
    if total > most_bytes():
        most = most_bytes() // 1024 // 1024
        raise refuse("too_large", f"Unpacked, the files would have {total // 1024 // 1024:,} MB; {most:,} are allowed.")
    return [base(info) for info in csv_members(members)]


def _safe(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." not in parts and not name.startswith(("/", "\\")) and ":" not in parts[0] and "\x00" not in name


def base(info: zipfile.ZipInfo) -> str:
    """The name of a member without its folders."""
    return info.filename.replace("\\", "/").rpartition("/")[2][:200]


def csv_members(members: Iterable[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The CSV files among the members of a zip; not the shadows that macOS packs beside them."""
    return [
        info
        for info in members
        if base(info).lower().endswith(".csv") and not base(info).startswith("._") and not info.is_dir()
    ]


def _check_csv(upload: Any) -> str:
    """The name of one CSV, after a look at its beginning."""
    name = name_of(upload)[:200]
    if not name.lower().endswith(".csv"):
        raise refuse("not_csv", f"{name} is neither a zip nor a CSV file.")
    if not upload.size:
        raise refuse("empty_file", f"{name} is empty.")
    try:
        next(decoded_lines(upload, lambda size: None), "")
    except Unreadable as broken:
        raise refuse(broken.code, f"{name}: {broken.message}") from broken
    finally:
        upload.seek(0)
    return name


def _check_names(names: list[str]) -> None:
    folded = [name.lower() for name in names]
    twice = next((name for name in names if folded.count(name.lower()) > 1), "")
    if twice:
        raise refuse("duplicate_file", f"{twice} is there twice: which one counts cannot be known.")
    if not any(kind_named(name)[0] for name in names):
        raise refuse("nothing_to_read", "None of the files is one that is read, such as Lead.csv or Account.csv.")


def store_upload(files: Iterable[Any], folder: str) -> None:
    """Store what was sent as it is, piece by piece."""
    for upload in files:
        name = ZIP if name_of(upload).lower().endswith(".zip") else name_of(upload)[:200]
        default_storage.save(f"{folder}/{name}", File(upload))


def store_as(upload: Any, path: str) -> None:
    """Store one file as it is under a name of ours, piece by piece."""
    default_storage.save(path, File(upload))


def unpack(folder: str, name: str) -> None:
    """Unpack one CSV of the stored zip beside it; a second time it is made anew.

    Raises:
        Refused: `damaged_zip`, or `zip_bomb` when it becomes longer than the zip's directory says.
    """
    target = f"{folder}/{name}"
    default_storage.delete(target)
    try:
        with default_storage.open(f"{folder}/{ZIP}", "rb") as stored, zipfile.ZipFile(stored) as packed:
            info = next(one for one in csv_members(packed.infolist()) if base(one) == name)
            with packed.open(info) as member:
                default_storage.save(target, File(cast(IO[bytes], _Measured(member, info.file_size)), name))
    except ODD as error:
        default_storage.delete(target)
        raise Refused("damaged_zip", f"{name} cannot be unpacked: the zip is damaged there.") from error


class _Measured:
    """A member of a zip that is read no further than its directory says."""

    def __init__(self, member: IO[bytes], size: int) -> None:
        self.member, self.left, self.size = member, size, size

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises Refused beyond the length that was checked."""
        found = self.member.read(CHUNK if size < 0 else size)
        self.left -= len(found)
        if self.left < 0:
            raise Refused("zip_bomb", "A file of the zip is longer than the zip says: not unpacked.")
        return found

    def seekable(self) -> bool:
        """A member can be read once."""
        return False


def remove_upload(folder: str) -> None:
    """Remove what was stored; what is gone already is gone."""
    if not folder:
        return
    try:
        _, names = default_storage.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)
