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


class UnitError(SocbayesError, ValueError):
    """A unit that is not known, or that does not measure the quantity it is given for.

    Parameters
    ----------
    message
        What is wrong, naming the unit found and the one expected.
    suggestion
        What to write instead.
    """

    def __init__(self, message: str, suggestion: str = "") -> None:
        self.suggestion = suggestion
        super().__init__(f"{message} ({suggestion})" if suggestion else message)


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
        Column name as written in the file; empty when the fault is one of a
        whole row or table.
    found, expected
        What is there, what should be there.
    suggestion
        What to do about it; empty when nothing sensible can be said.
    count
        How many cells the fault stands for: 1, or the rest of a long list of
        equal faults.
    place
        What ``column`` is: a column of a table, or a place in something else.
    """

    kind: str
    row: int | None
    column: str
    found: str
    expected: str
    suggestion: str = ""
    count: int = 1
    place: str = "column"

    def __str__(self) -> str:
        places = [f"row {self.row}"] if self.row is not None else []
        places += [f"{self.place} {self.column!r}"] if self.column else []
        where = f"{', '.join(places)}: " if places else ""
        line = f"{where}{self.kind}: found {self.found}, expected {self.expected}"
        return line + (f" ({self.suggestion})" if self.suggestion else "")


_SHOWN_ALIKE = 5


class TableFaultsError(SocbayesError):
    """A table with faults; ``faults`` holds every one of them."""

    def __init__(self, faults: list[Fault], source: str = "table") -> None:
        self.faults = faults
        self.source = source
        super().__init__(faults, source)

    def __str__(self) -> str:
        from socbayes.wording import counted  # which needs what needs this module

        total = sum(fault.count for fault in self.faults)
        lines = [f"{self.source}: {counted(total, 'fault')}"]
        alike: dict[tuple[str, str], list[Fault]] = {}
        for fault in self.faults:
            alike.setdefault((fault.kind, fault.column), []).append(fault)
        for group in alike.values():  # a column in the wrong unit must not hide the other faults
            lines += [f"  {fault}" for fault in group[:_SHOWN_ALIKE]]
            hidden = sum(fault.count for fault in group[_SHOWN_ALIKE:])
            if hidden:
                more = counted(hidden, "more cell")
                lines.append(f"  ... and {more} of column {group[0].column!r}: {group[0].kind}")
        return "\n".join(lines)


def said_by(error: BaseException) -> str:
    r"""First line of what an error of a library says, or its class where it says nothing.

    Examples
    --------
    >>> said_by(ValueError("first\nsecond")), said_by(EOFError())
    ('first', 'EOFError')
    """
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
