"""What a command line says of a model, read: tables by role, options, units and scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socbayes.errors import SocbayesError, UnknownNameError, UnreadableFileError
from socbayes.subjects import ModelRecord, TableRole
from socbayes.vocabulary import SCHEMAS, nearest

if TYPE_CHECKING:
    import pandas as pd

NONE = "none"
"""In place of a file, to leave out a table that would otherwise be a bundled one."""


def tables_given(
    record: ModelRecord, data: Path | None, others: Sequence[str], units: Mapping[str, str]
) -> dict[str, pd.DataFrame | None]:
    """Read every table that was given, so that faults of one do not hide those of another.

    Parameters
    ----------
    record
        Of the model.
    data
        File of its main table.
    others
        Further tables as ``role=file``, or ``role=none``; a file alone where its name or its columns tell its role.
    units
        Of columns of the main table.

    Returns
    -------
    dict
        By role; None for one that is left out.

    Raises
    ------
    UnknownNameError
        For a role the model does not have, with the nearest name.
    SocbayesError
        For a table that is missing.
    ExceptionGroup
        With what is wrong with each table that cannot be used.
    """
    files = _files(record, data, others)
    if units and data is None:
        raise SocbayesError("--unit says units of the table that --data names")
    from socbayes.table import read_table

    main = record.tables[0].role if record.tables else ""
    schemas = {one.role: one.schema for one in record.tables}
    tables: dict[str, pd.DataFrame | None] = {}
    wrong: list[Exception] = []
    for role, file in files.items():
        try:
            own = units if role == main else {}
            fill = {} if role == main or "site" not in SCHEMAS[schemas[role]].columns else _only_site(tables.get(main))
            tables[role] = None if file is None else read_table(file, schemas[role], units=own, fill=fill)
        except (SocbayesError, OSError) as error:
            wrong.append(error)
    if wrong:
        raise ExceptionGroup("tables that cannot be used", wrong)
    return tables


def _only_site(plots: pd.DataFrame | None) -> dict[str, str]:
    """Site of a table of one site: that of the weather station beside it, whose file does not know it."""
    sites = [] if plots is None or "site" not in plots else plots["site"].dropna().unique().tolist()
    return {"site": sites[0]} if len(sites) == 1 else {}


def _files(record: ModelRecord, data: Path | None, others: Sequence[str]) -> dict[str, Path | None]:
    """Files by role, None for a table that is left out."""
    roles = {one.role: one for one in record.tables}
    main = next(iter(roles), "")
    files: dict[str, Path | None] = {}
    if data is not None:
        if not main:
            raise SocbayesError(f"{record.name} takes no table")
        files[main] = data
    for text in others:
        role, equals, file = (part.strip() for part in text.partition("="))
        if not equals and Path(role).suffix:
            role, equals, file = role_told(Path(role), [one for one in record.tables if one.role != main]), "=", role
        if not equals or not role or not file:
            raise SocbayesError(f"--with takes ROLE=FILE, such as {main or 'table'}=mine.csv, not {text!r}")
        if role not in roles:
            raise UnknownNameError(_unknown(f"{record.name} takes no table", role, list(roles)))
        if role in files:
            raise SocbayesError(f"the table {role} is given twice")
        if role == main:
            raise SocbayesError(f"{role} is the main table of {record.name}: --data names its file")
        if file.lower() == NONE and roles[role].required:
            raise SocbayesError(f"{record.name} cannot be fitted without its table {role}")
        files[role] = None if file.lower() == NONE else Path(file)
    for role, one in roles.items():
        if one.required and not one.bundled and role not in files:
            flag = "--data FILE" if role == main else f"--with {role}=FILE"
            raise SocbayesError(
                f"{record.name} has no bundled table: {flag} names one of schema {one.schema} "
                f"(`socbayes validate FILE --schema {one.schema}` finds its faults)"
            )
    return files


def role_told(file: Path, tables: Sequence[TableRole]) -> str:
    """Role of a table that is given by its file alone: the one its name holds, else the only one its columns are of.

    Parameters
    ----------
    file
        Of the table.
    tables
        Those it may be.

    Raises
    ------
    SocbayesError
        If neither tells.
    """
    named = [one.role for one in tables if one.role in file.stem.lower() or one.schema in file.stem.lower()]
    if len(named) == 1:
        return named[0]
    fits = _by_columns(file, {one.role: one.schema for one in tables})
    if len(fits) != 1:
        roles = ", ".join(f"--with {one.role}={file}" for one in tables)
        raise SocbayesError(f"neither name nor columns of {file} tell which table it is: write {roles or 'no --with'}")
    return fits[0]


def schema_told(file: Path, schemas: Sequence[str]) -> str:
    """Kind of a table that its columns are of.

    Parameters
    ----------
    file
        Of the table.
    schemas
        Kinds that it may be.

    Raises
    ------
    SocbayesError
        If its columns do not tell.
    """
    fits = _by_columns(file, {schema: schema for schema in schemas})
    if len(fits) != 1:
        raise SocbayesError(f"columns of {file} do not tell which kind of table it is: --schema says it, one of "
                            f"{', '.join(schemas)}")  # fmt: skip
    return fits[0]


def _by_columns(file: Path, schemas: Mapping[str, str]) -> list[str]:
    """Names of schemas that a table has all required columns of, and the fewest columns that they do not know."""
    from socbayes.table import validate_table

    strange: dict[str, int] = {}
    unreadable: list[UnreadableFileError] = []
    for name, schema in schemas.items():
        try:
            # A station's file does not know the site of the plots beside it.
            faults = validate_table(file, schema, fill={"site": "any"} if "site" in SCHEMAS[schema].columns else {})
        except UnreadableFileError as error:  # perhaps the file of a weather station, which is no such table
            unreadable.append(error)
            continue
        if not any(fault.kind == "missing column" for fault in faults):
            strange[name] = sum(fault.kind == "unknown column" for fault in faults)
    if len(unreadable) == len(schemas):
        raise unreadable[0]
    return [name for name, count in strange.items() if count == min(strange.values())]


def options_given(record: ModelRecord, texts: Sequence[str]) -> dict[str, Any]:
    """Read options of a model.

    Parameters
    ----------
    record
        Of the model.
    texts
        Options as ``name=value``, or ``name.key=value`` for one that takes values by name.

    Raises
    ------
    UnknownNameError
        For an option the model does not have, with the nearest name.

    Examples
    --------
    >>> from socbayes.subjects import model_record
    >>> options_given(model_record("field"), ["structure=icbm", "parameters.clay=20"])
    {'structure': 'icbm', 'parameters': {'clay': 20.0}}
    """
    keyed = {option.partition(".")[0]: "." in option for option in record.options}
    options: dict[str, Any] = {}
    for text in texts:
        written, equals, value = (part.strip() for part in text.partition("="))
        name, dot, key = written.partition(".")
        if not equals or not name or not value:
            raise SocbayesError(f"--option takes NAME=VALUE, not {text!r}")
        if name not in keyed:
            raise UnknownNameError(_unknown(f"{record.name} takes no option", name, list(record.options)))
        if bool(dot and key) != keyed[name]:
            example = f"{name}.NAME" if keyed[name] else name
            raise SocbayesError(f"write --option {example}=VALUE, not {text!r}")
        held = options.setdefault(name, {}) if keyed[name] else options
        if (key or name) in held:
            raise SocbayesError(f"the option {written} is given twice")
        held[key or name] = value_of(value)
    return options


def options_of_each(record: ModelRecord, texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read options of one model, or of several that differ in one option: ``structure=rothc,icbm``.

    Parameters
    ----------
    record
        Of the model.
    texts
        Options as for :func:`options_given`; one of them may have several values, with commas between.

    Returns
    -------
    dict
        Options by the value that tells a model from the others; by an empty text where there is one model.

    Raises
    ------
    UnknownNameError, SocbayesError
        As for :func:`options_given`; for values of two options, or one that is empty or written twice.

    Examples
    --------
    >>> from socbayes.subjects import model_record
    >>> options_of_each(model_record("field"), ["structure=rothc,icbm", "until=2030"])
    {'rothc': {'structure': 'rothc', 'until': 2030.0}, 'icbm': {'structure': 'icbm', 'until': 2030.0}}
    """
    options = options_given(record, texts)
    several = [name for name, value in options.items() if isinstance(value, str) and "," in value]
    if not several:
        return {"": options}
    if len(several) > 1:
        raise SocbayesError(f"one option may have several values, not {' and '.join(several)}")
    name = several[0]
    values = [value.strip() for value in options[name].split(",")]
    if "" in values or len(set(values)) < len(values):
        raise SocbayesError(f"--option {name}={options[name]}: every value stands once, and none is empty")
    return {value: options | {name: value_of(value)} for value in values}


def scenario_given(text: str) -> tuple[str, dict[str, Any]]:
    """Read ``"name: setting=value, setting=value"``; without a name the settings are the name.

    Parameters
    ----------
    text
        A scenario.

    Examples
    --------
    >>> scenario_given("warm: temperature=20, method=water_18O")
    ('warm', {'temperature': 20.0, 'method': 'water_18O'})
    >>> scenario_given("added_nitrogen=yes")
    ('added_nitrogen=yes', {'added_nitrogen': True})
    """
    name, colon, rest = text.partition(":")
    if not colon:
        name, rest = text, text
    settings: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value:
            raise SocbayesError(f"scenario {text!r}: write settings as name=value, not {part!r}")
        settings[key] = value_of(value)
    return name.strip(), settings


def units_given(pairs: Sequence[str]) -> dict[str, str]:
    """Read units as ``column=unit``.

    Parameters
    ----------
    pairs
        One each.

    Examples
    --------
    >>> units_given(["clay=%"])
    {'clay': '%'}
    """
    units = {}
    for pair in pairs:
        column, equals, unit = pair.partition("=")
        if not equals or not column or not unit:
            raise SocbayesError(f"--unit takes column=unit, such as clay=%, not {pair!r}")
        units[column.strip()] = unit.strip()
    return units


def value_of(text: str) -> Any:
    """Read a number, yes or no, or text.

    Parameters
    ----------
    text
        As written.

    Examples
    --------
    >>> value_of("20"), value_of("yes"), value_of("rothc")
    (20.0, True, 'rothc')
    """
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    try:
        return float(text)
    except ValueError:
        return text


def _unknown(complaint: str, name: str, known: list[str]) -> str:
    """Say that a name is not known, and which one may have been meant."""
    if not known:
        return f"{complaint} {name!r}: it takes none"
    names = {one.partition(".")[0]: one for one in known}
    hint = nearest(name, list(names))
    meant = f"; did you mean {names[hint]!r}?" if hint else "."
    return f"{complaint} {name!r}{meant} It takes {', '.join(known)}"
