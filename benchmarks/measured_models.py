"""Models by name on which speed is measured: of subjects over bundled tables, and of field trials, also simulated.

Imports are inside functions: whoever measures how long a process takes starts the clock where it likes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pymc as pm

STUDY = "Broadbalk wheat"
STRUCTURES = {"RothC": "rothc", "ICBM": "icbm"}


def field_model(structure: str) -> pm.Model:
    """A structure on a bundled trial."""
    import socbayes as sb

    obs, management, weather = (sb.load_dataset(f"field_{one}") for one in ("soc", "management", "weather"))
    obs = obs[(obs["study"] == STUDY) & ~obs["plot"].str.contains("bulked|all blocks")].reset_index(drop=True)
    weather = weather[weather["site"].isin(obs["site"])]
    return sb.models.field.build(obs, management[management["study"] == STUDY], weather, structure=structure)


def simulated_model(shape: str, structure: str) -> pm.Model:
    """A structure on a simulated trial."""
    from simulated_trials import SHAPES

    import socbayes as sb

    return sb.models.field.build(*SHAPES[shape](), structure=structure)


def measured_models() -> dict[str, Callable[[], pm.Model]]:
    """Functions that build a model, by name."""
    from simulated_trials import SHAPES

    from socbayes.subjects import model_records

    found: dict[str, Callable[[], pm.Model]] = {
        name: record.build
        for name, record in model_records().items()
        if all(table.bundled or not table.required for table in record.tables)
    }
    for called, structure in STRUCTURES.items():
        found[f"field, {called}"] = partial(field_model, structure)
    for shape in SHAPES:
        for called, structure in STRUCTURES.items():
            found[f"{shape}, {called}"] = partial(simulated_model, shape, structure)
    return found


def require_known(*names: str) -> None:
    """Refuse names that no model has.

    Raises
    ------
    SystemExit
        With the names there are.
    """
    known = measured_models()
    for name in names:
        if name not in known:
            raise SystemExit(f"no model {name!r} is measured; there are: {'; '.join(known)}")


def model_called(name: str) -> pm.Model:
    """Build a model.

    Raises
    ------
    SystemExit
        With the names there are, for any other.
    """
    require_known(name)
    return measured_models()[name]()
