"""Compare scenarios by paired differences over common posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.scenarios.draws import DO_NOT_USE
from socbayes.scenarios.predict import predict_known, predict_new
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


_DIFFERENCE = ("difference", "difference_lower", "difference_upper")


@dataclass(frozen=True)
class ScenarioComparison:
    """Predictions of several scenarios from the same draws.

    Parameters
    ----------
    model
        Name of the fitted model.
    quantity, unit
        What is predicted.
    draws
        Predictions, dims (scenario, sample).
    reference
        Scenario the others are compared with.
    group
        ``"a new study"`` or the name of the known study.
    converged
        Whether the fit behind the draws passed its checks.
    """

    model: str
    quantity: str
    unit: str
    draws: xr.DataArray
    reference: str
    group: str
    converged: bool

    @property
    def table(self) -> pd.DataFrame:
        """Median and interval of each scenario, and of its difference to the reference with P(difference > 0).

        ``converged`` is 0 in every row where the fit behind it failed its
        checks; ``attrs["notes"]`` then says so.
        """
        import pandas as pd

        lower, upper = (1 - CI_PROB) / 2, (1 + CI_PROB) / 2
        base = self.draws.sel(scenario=self.reference).to_numpy()
        rows = []
        for name in self.draws["scenario"].to_numpy():
            values = self.draws.sel(scenario=name).to_numpy()
            row = {
                "scenario": str(name),
                "median": float(np.median(values)),
                "lower": float(np.quantile(values, lower)),
                "upper": float(np.quantile(values, upper)),
                "converged": int(self.converged),
            }
            if name != self.reference:
                difference = values - base
                row |= {
                    "difference": float(np.median(difference)),
                    "difference_lower": float(np.quantile(difference, lower)),
                    "difference_upper": float(np.quantile(difference, upper)),
                    "probability_of_increase": float((difference > 0).mean()),
                }
            rows.append(row)
        table = pd.DataFrame(rows).set_index("scenario")
        table.attrs["notes"] = [] if self.converged else [DO_NOT_USE]
        # Last, so that it stands beside the numbers it is of.
        return table[[*(name for name in table if name != "converged"), "converged"]]

    @property
    def text(self) -> list[str]:
        """One sentence for each scenario but the reference."""
        unit = {"1": "", "percent": " percentage points"}.get(self.unit, f" {self.unit}")
        sentences = []
        for name, row in self.table.iterrows():
            if name == self.reference:
                continue
            # Two significant digits of the width of the interval: more would claim what is not known.
            width = row["difference_upper"] - row["difference_lower"]
            digits = max(0, 1 - int(np.floor(np.log10(width)))) if width > 0 else 2
            median, lower, upper = (f"{row[key]:+.{digits}f}" for key in _DIFFERENCE)
            sentences.append(
                f"{name} against {self.reference}, in {self.group}: {self.quantity} differs by {median}{unit} "
                f"({INTERVAL_NAME} {lower} to {upper}); it is higher with probability "
                f"{row['probability_of_increase']:.2f}."
            )
        if not self.converged:
            sentences.insert(0, DO_NOT_USE)
        return sentences


def compare(
    fitted: xr.DataTree,
    scenarios: Mapping[str, Mapping[str, Any]],
    *,
    study: str | None = None,
    reference: str | None = None,
    seed: int | None = None,
) -> ScenarioComparison:
    """Predict several scenarios from the same posterior draws.

    Differences are paired: parameters, and for a new study its redrawn
    effects, are the same in every scenario of a draw.

    Parameters
    ----------
    fitted
        A fit of one of the models in ``socbayes.models``.
    scenarios
        Settings by scenario name; see
        :func:`socbayes.scenarios.predict.predict_new` for what each model
        takes.
    study
        A study of the data; by default a new one.
    reference
        Scenario the others are compared with; the first by default.
    seed
        Seed of the redrawn group effects.

    Returns
    -------
    ScenarioComparison
        With ``table`` and ``text``.

    Raises
    ------
    SocbayesError
        For fewer than two scenarios.
    UnknownNameError
        For an unknown study, level or setting.

    Examples
    --------
    >>> gain = compare(fitted, {"15 degC": {"temperature": 15}, "20 degC": {"temperature": 20}})  # doctest: +SKIP
    >>> gain.table  # doctest: +SKIP
    """
    if len(scenarios) < 2:
        raise SocbayesError("a comparison needs at least two scenarios")
    draws = _predicted(fitted, scenarios, study, seed)
    return ScenarioComparison(
        model=facts_of(fitted).model,
        quantity=draws.attrs["quantity"],
        unit=draws.attrs["unit"],
        draws=draws,
        reference=reference or next(iter(scenarios)),
        group="a new study" if study is None else study,
        converged=bool(draws.attrs["converged"]),
    )


def _predicted(
    fitted: xr.DataTree, scenarios: Mapping[str, Mapping[str, Any]], study: str | None, seed: int | None
) -> xr.DataArray:
    """Predictions of every scenario from the same draws, (scenario, sample)."""
    import xarray as xr

    seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
    predictions = [
        predict_new(fitted, seed=seed, **settings) if study is None else predict_known(fitted, study=study, **settings)
        for settings in scenarios.values()
    ]
    names = xr.IndexVariable("scenario", list(scenarios))
    return xr.concat(predictions, dim=names, coords="minimal", compat="override", combine_attrs="override")
