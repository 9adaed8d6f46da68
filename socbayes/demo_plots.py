"""The field trial of the demonstration: fitted over the core, then two plans and a credit sheet.

The trial is Hoosfield, where barley has grown without a break since 1852: without
manure, with it, and with it for twenty years only. What the plans would do there
from now on has not been done, and what they would be credited is computed as in
a rule, which is no statement that anybody conforms to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from socbayes.errors import ConvergenceError

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

    from socbayes.scenarios.credit_sheet import CreditSheet
    from socbayes.scenarios.endings import Lasting

RUN = "field_trial"
"""Name of its run."""
TRIAL = "Hoosfield barley"
STRUCTURE = "icbm"
EFFORT = {"draws": 1333}
"""Draws that it needs: runs of three plots over 146 years take long, and 24 parameters mix well."""
YEARS = (2026.0, 2031.0, 2036.0, 2046.0, 2056.0)
HECTARES = 10.0
"""Of each plot. Made up: a credit sheet needs the land that plots stand for."""
BUFFER = 0.12
"""Share withheld against reversals: the least that the risk tool of the rule allows."""
DRAWS = 1000
GIVEN_UP, SEEN = 2056.0, (2026.0, 2036.0, 2046.0, 2056.0, 2061.0, 2066.0, 2076.0, 2086.0, 2096.0)
"""When levers are given up, and years in which one looks at what stays."""
WARMER = 2.0
"""Degrees that are added in a second run of it."""
PLANS: dict[str, Any] = {
    "baseline": "barley as usual",
    "plans": {
        "barley as usual": {},
        "cover crop before barley": {"levers": [{"lever": "cover_crop", "dose": 1.0, "start": 2026}]},
        "no tillage": {"levers": [{"lever": "no_tillage", "dose": 1.0, "start": 2026}]},
    },
}
"""On every plot, from 2026 on."""


def trial() -> pm.Model:
    """Build the model of the trial from bundled tables of samples, management and weather."""
    from socbayes.datasets import load_dataset
    from socbayes.models.field import build

    obs, management, weather = (load_dataset(f"field_{name}") for name in ("soc", "management", "weather"))
    obs = obs[obs["study"] == TRIAL].reset_index(drop=True)
    management = management[management["study"] == TRIAL].reset_index(drop=True)
    weather = weather[weather["site"].isin(obs["site"])].reset_index(drop=True)
    return build(obs, management, weather, structure=STRUCTURE)


@dataclass(frozen=True, eq=False)
class Decision:
    """What follows from the trial.

    Parameters
    ----------
    projection, sheet, ended
        Stocks under the plans, what the plans would be credited, and what stays of it; None where nothing was computed.
    refused
        Why not.
    """

    projection: xr.Dataset | None = None
    sheet: CreditSheet | None = None
    ended: Lasting | None = None
    refused: ConvergenceError | None = None

    @property
    def items(self) -> list[Any]:
        """What a report is given of it."""
        return [one for one in (self.projection, self.sheet, self.ended, self.refused) if one is not None]


def decide(fitted: xr.DataTree, *, seed: int, allow_failed: bool = False) -> Decision:
    """Run the plans on the fitted trial and credit them; of a fit that failed its checks only where that is asked for.

    Parameters
    ----------
    fitted
        Fit of :func:`trial`.
    seed
        Of everything drawn.
    allow_failed
        Whether to go on with a fit that failed, and mark every number.
    """
    import pandas as pd

    from socbayes.scenarios.credit_sheet import credit_sheet
    from socbayes.scenarios.endings import lasting
    from socbayes.scenarios.projections import project

    try:
        projection = project(fitted, PLANS, years=YEARS, draws=DRAWS, seed=seed, allow_failed=allow_failed)
    except ConvergenceError as error:
        return Decision(refused=error)
    areas = pd.DataFrame({"plot": projection["plot"].to_numpy(), "area [ha]": HECTARES})
    sheet = credit_sheet(projection, areas, buffer=BUFFER, allow_failed=allow_failed)
    made_up = f"{HECTARES:g} ha of each plot are made up, to show a credit sheet."
    ended = lasting(
        fitted, PLANS, GIVEN_UP, years=SEEN, warming=WARMER, credited=credited_by_area(sheet), buffer=BUFFER,
        draws=DRAWS, seed=seed, allow_failed=allow_failed,
    )  # fmt: skip
    return Decision(projection, replace(sheet, notes=(*sheet.notes, made_up)), ended)


def credited_by_area(sheet: CreditSheet) -> dict[str, float]:
    """By plan, t C/ha that a sheet credits the plots measured, where its figure says anything.

    Parameters
    ----------
    sheet
        By one rule.
    """
    from socbayes.scenarios.credit_sheet import KNOWN
    from socbayes.scenarios.credits import CO2_PER_C

    told = [line for line in sheet.lines if line.group == KNOWN and line.credit.told]
    return {line.plan: line.credit.credited / CO2_PER_C for line in told}


def summarised(decision: Decision) -> dict[str, Any]:
    """Numbers of the plans and of the credit sheet, ready for JSON.

    Parameters
    ----------
    decision
        What followed from the trial.
    """
    if decision.projection is None or decision.sheet is None:
        return {"refused": str(decision.refused)}
    from socbayes.scenarios.gains import gain_table
    from socbayes.scenarios.portfolios import portfolio

    whole = portfolio(decision.projection)
    table = gain_table(whole)
    last = table[table["year"] == table["year"].max()].set_index("plan")
    kept = ["gain", "gain_lower", "gain_upper", "p_gain", "p_4_per_1000_start", "p_4_per_1000_baseline"]
    credits = decision.sheet.table
    credits = credits[credits["group"] == "plots measured"].dropna(subset="value")
    return {
        "trial": TRIAL,
        "baseline": decision.sheet.baseline,
        "years": [decision.sheet.start, decision.sheet.end],
        "converged": decision.sheet.converged,
        "gains_t_c_per_ha": {
            str(plan): {name: round(float(row[name]), 6) for name in kept if row[name] == row[name]}
            for plan, row in last.iterrows()
        },
        "credits": {
            str(plan): {str(row.quantity): round(float(row.value), 6) for row in rows.itertuples()}
            for plan, rows in credits.groupby("plan", sort=False)
        },
    }
