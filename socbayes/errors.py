"""One exception class per kind of data fault.

Every class derives from :class:`SocbayesError`, so a caller can catch them
all, and each message says what was found, what was expected and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass


class SocbayesError(Exception):
    """Base of every error socbayes raises on purpose."""


class UnknownNameError(SocbayesError, KeyError):
    """A data set, model, schema, category or study that does not exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnreadableFileError(SocbayesError):
    """A file that is missing, of an unknown type, or not text in UTF-8."""


class EmptyTableError(SocbayesError):
    """A table without rows."""


class TooFewGroupsError(SocbayesError):
    """A table from which a group-level variance cannot be learned."""


class ConvergenceError(SocbayesError):
    """A fit that fails its diagnostics, where the caller asked for a good one."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a table.

    Parameters
    ----------
    kind
        Short name of the kind of fault, such as ``"unknown column"``.
    row
        Row number as a spreadsheet shows it (the header is row 1), or None
        when the fault is one of the whole column.
    column
        Column name as written in the file.
    found, expected
        What is there, what should be there.
    suggestion
        What to do about it; empty when nothing sensible can be said.
    """

    kind: str
    row: int | None
    column: str
    found: str
    expected: str
    suggestion: str = ""


class TableFaultsError(SocbayesError):
    """A table with faults; ``faults`` holds every one of them."""

    def __init__(self, faults: list[Fault], source: str = "table") -> None:
        self.faults = faults
        self.source = source
        super().__init__(faults, source)

    def __str__(self) -> str:
        lines = [f"{self.source}: {len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"]
        for fault in self.faults[:20]:
            where = f"row {fault.row}, " if fault.row is not None else ""
            line = f"  {where}column {fault.column!r}: {fault.kind}: found {fault.found}, expected {fault.expected}"
            lines.append(line + (f" ({fault.suggestion})" if fault.suggestion else ""))
        if len(self.faults) > 20:
            lines.append(f"  ... and {len(self.faults) - 20} more")
        return "\n".join(lines)
