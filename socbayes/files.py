"""Files that are whole or not there, folders that stay where they belong, and runs that one process writes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from socbayes.errors import SocbayesError

_KEPT = " _-."
_LONGEST = 200
"""Bytes of a name: systems take 255, and names of temporary files are longer."""


def write_text(path: Path, text: str) -> None:
    """Write text to a temporary name, then rename."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` that takes its place on success and is removed on failure.

    A link is followed, so that the file it points to is replaced and the link stays.

    Raises
    ------
    SocbayesError
        If something that is no file is there, such as a folder or a device.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file"
        raise SocbayesError(f"{path} is {what}, so nothing is written in its place; name another file")
    # The number of the process: two of them may write the same file, and nobody's own file is called like that.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def toml_of(value: Any) -> str:
    r"""Write a value as TOML does, in one line; a number is read back as it is.

    Parameters
    ----------
    value
        Text, a number, true or false, or a list or table of these.

    Examples
    --------
    >>> print(toml_of({"lever": "cover_crop", "dose": 0.5, "start": 2026.0, "two words": [True, "a \"b\""]}))
    { lever = "cover_crop", dose = 0.5, start = 2026, "two words" = [true, "a \"b\""] }
    """
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(str(name))} = {toml_of(one)}" for name, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_of, value))}]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(float(value)).removesuffix(".0")


def toml_key(name: str) -> str:
    """Write a key as TOML does: in quotation marks where it is no plain word.

    Parameters
    ----------
    name
        Any text.
    """
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else toml_of(name)


def file_name(label: str) -> str:
    """Name of a file or folder for a label: one that stays in its folder, whatever the label is.

    Letters, digits, blanks, ``_``, ``-`` and ``.`` stand for themselves, all else for its UTF-8 bytes as ``%XX``;
    so do dots and blanks at either end, which name other folders or which systems drop.

    Parameters
    ----------
    label
        Any text; different labels have different names.

    Examples
    --------
    >>> file_name("RothC, hot"), file_name("../../x"), file_name("")
    ('RothC%2C hot', '%2E.%2F..%2Fx', '%')
    """
    if not label:
        return "%"
    last = len(label) - 1
    name = "".join(
        char if char.isalnum() or (char in _KEPT and (0 < place < last or char in "_-")) else _encoded(char)
        for place, char in enumerate(label)
    )
    if len(name.encode()) <= _LONGEST:
        return name
    return f"{name[: _LONGEST // 8]} {hashlib.sha256(label.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _encoded(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


@contextmanager
def written_by_one(path: Path) -> Iterator[None]:
    """Hold a file as the one process that goes on with it; the hold ends with the process, however it ends.

    Raises
    ------
    SocbayesError
        If another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two processes are not told from one
        yield
        return
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SocbayesError(f"{path.parent} is being written by another process; wait for it or stop it") from None
        except OSError:  # a file system without locks
            pass
        yield
