"""Structures judged by what a treatment does at a site they did not see.

A stock may be foreseen well because it hardly changes, and a gain badly. What
a plan is judged by is the difference between treatments, so it is that which is
compared here: the mean stock of a treatment less that of the treatment it is
measured against, at dates and sites left out of the fit.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from socbayes.errors import SocbayesError
from socbayes.facts import facts_of
from socbayes.inference.fit import Sampling
from socbayes.inference.scores import COVERED, covered, crps
from socbayes.models.field.foresight import SAMPLING, Foreseen, Without, foreseen_by, runs_without, site_parts
from socbayes.models.field.tables import judged
from socbayes.vocabulary import CI_PROB, nearest

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("socbayes")


def differences_left_out(
    obs: pd.DataFrame,
    management: pd.DataFrame | None = None,
    weather: pd.DataFrame | None = None,
    *,
    structures: Mapping[str, Mapping[str, Any]],
    against: Mapping[str, str],
    learned: Collection[str] | None = None,
    store: str | Path,
    **sampling: Unpack[Sampling],
) -> pd.DataFrame:
    """Fit each structure without each site in turn, and compare differences between its treatments with those foreseen.

    Parameters
    ----------
    obs, management, weather, structures, store, **sampling
        As for :func:`leave_one_site_out`, whose fits are read where they are in the store. Trials that share a site
        are left out one by one if each is given as a site of its own.
    against
        By site to leave out, the treatment that others are measured against.
    learned
        Sites whose samples are learned from, each while another one is left out. All by default, and then all that
        have several treatments are left out; a few small ones where fits with the others would take too long. Of a
        site left out the first totals are known in any case; sites that are neither are named and take no part.

    Returns
    -------
    pandas.DataFrame
        One row per ``structure``, ``site``, ``treatment`` and calendar ``year`` in which both treatments were sampled:
        ``observed`` difference of mean stocks, t/ha; ``mean``, ``sd`` and limits ``low`` and ``high`` of the one
        foreseen, errors of measurement included; ``measurement_sd`` of these errors alone; ``at_first``, the
        difference at the first samples, which the fit did see, NaN where the two were first sampled in different
        years; whether intervals of 50 and 89 % hold it, ``crps``, and whether the fit ``converged``.

    Raises
    ------
    SocbayesError
        If there are not two sites, treatments are not stated, one in ``against`` is not of its site, a site with
        several treatments has none, or one to be learned from is not there.

    Examples
    --------
    >>> table = differences_left_out(obs, management, structures=two,
    ...                              against={"Farm": "usual"}, store="runs/sites")  # doctest: +SKIP
    """
    import pandas as pd

    tables = judged(obs, management, weather)
    parts = site_parts(tables.obs, learned)
    _require_treatments(tables.obs, list(parts), against, learned)
    parts = {site: part for site, part in parts.items() if site in against}
    frames = []
    for run in runs_without(
        parts, tables, structures, Path(store), SAMPLING | sampling, float(tables.obs["year"].max())
    ):
        known, left_out = parts[run.part]
        rows = _differences(foreseen_by(run), left_out, run.seen, against[run.part], _first_totals(run, known))
        converged = facts_of(run.fitted).converged
        frames.append(rows.assign(structure=run.label, site=run.part, converged=converged))
    if not frames or not sum(map(len, frames)):
        raise SocbayesError("no two treatments of a site were sampled in the same year after their first sample")
    table = pd.concat(frames, ignore_index=True)
    front = ["structure", "site", "treatment", "year"]
    return table[[*front, *(name for name in table.columns if name not in front)]]


def score_differences(table: pd.DataFrame, by: str = "structure") -> pd.DataFrame:
    """Coverage, bias and errors of differences between treatments.

    Parameters
    ----------
    table
        Of :func:`differences_left_out`.
    by
        Column, or several, that the rows of the result are of.

    Returns
    -------
    pandas.DataFrame
        ``coverage_50`` and ``coverage_89``; ``bias``, mean of observed less foreseen, t/ha, beside
        ``measurement_sd``, the pooled error of measurement of one difference; ``rmse`` of the mean foreseen; of the
        ``compared`` differences whose first is known, ``rmse_compared`` of the mean foreseen and ``rmse_at_first``
        were they to stay as at first; ``crps``, t/ha; ``differences`` counted; whether all fits ``converged``.
        Differences of one trial go together, so that of few trials none of this is sure.

    Examples
    --------
    >>> import pandas as pd
    >>> one = pd.DataFrame({"structure": ["x"], "observed": [2.0], "mean": [1.0], "measurement_sd": [0.5],
    ...     "at_first": [0.0], "inside_50": [False], "inside_89": [True], "crps": [0.6], "converged": [True]})
    >>> score_differences(one).loc["x", ["bias", "rmse_compared", "rmse_at_first"]].tolist()
    [1.0, 1.0, 2.0]
    """
    import pandas as pd

    def scores(rows: pd.DataFrame) -> pd.Series:
        off, still = rows["observed"] - rows["mean"], rows["observed"] - rows["at_first"]
        both = still.notna()
        return pd.Series(
            {
                **{f"coverage_{round(100 * p)}": rows[f"inside_{round(100 * p)}"].mean() for p in COVERED},
                "bias": off.mean(),
                "measurement_sd": np.sqrt((rows["measurement_sd"] ** 2).mean()),
                "rmse": np.sqrt((off**2).mean()),
                "rmse_compared": np.sqrt((off[both] ** 2).mean()),
                "rmse_at_first": np.sqrt((still[both] ** 2).mean()),
                "compared": int(both.sum()),
                "crps": rows["crps"].mean(),
                "differences": len(rows),
                "converged": bool(rows["converged"].all()),
            }
        )

    return pd.DataFrame({key: scores(rows) for key, rows in table.groupby(by)}).T.infer_objects().rename_axis(by)


def _require_treatments(
    obs: pd.DataFrame, sites: list[str], against: Mapping[str, str], learned: Collection[str] | None
) -> None:
    """Refuse what cannot be compared; all faults at once."""
    if "treatment" not in obs or obs["treatment"].isna().all():
        raise SocbayesError("column 'treatment' of the observations is needed: differences are between treatments")
    faults = []
    every = sorted(obs["site"].unique())
    names = (("against", " to leave out", against, sites), ("learned", "", learned or (), every))
    for name, said, named, known in names:
        for site in (one for one in named if one not in known):
            hint = nearest(str(site), known)
            faults.append(f"{name}: no site {site!r}{said}" + (f"; did you mean {hint!r}?" if hint else ""))
    for site in sites:
        here = sorted(obs.loc[obs["site"] == site, "treatment"].dropna().unique())
        if site not in against and len(here) > 1 and learned is None:
            faults.append(f"against: {site!r} has no treatment to measure others against; it has {', '.join(here)}")
        elif site in against and against[site] not in here:
            hint = nearest(str(against[site]), here)
            faults.append(
                f"against: {site!r} has no treatment {against[site]!r}; "
                + (f"did you mean {hint!r}?" if hint else f"it has {', '.join(here)}")
            )
    if faults:
        raise SocbayesError("; ".join(faults))
    if aside := [site for site in every if learned is not None and site not in {*learned, *against}]:
        log.warning("neither learned from nor left out: %s", ", ".join(aside))


def _first_totals(run: Without, known: pd.DataFrame) -> pd.DataFrame:
    """Mean stock of the first samples of the site left out, t/ha, (calendar year, treatment)."""
    measured = run.data.measured
    total = (measured.row < run.seen) & (np.array(measured.names)[measured.kind] == "total")
    rows = known.iloc[measured.row[total]]
    stocks = rows.assign(stock=np.exp(measured.observed[total]), when=np.floor(rows["year"].to_numpy(dtype=float)))
    here = stocks[stocks["site"] == run.part]
    return here.pivot_table(index="when", columns="treatment", values="stock")


def _differences(
    foreseen: Foreseen, left_out: pd.DataFrame, seen: int, against: str, first: pd.DataFrame
) -> pd.DataFrame:
    """Differences between treatments and one of them, by treatment and calendar year."""
    import pandas as pd

    total = foreseen.kind == "total"
    rows = left_out.iloc[foreseen.row[total] - seen]
    treatment, year = rows["treatment"].to_numpy(), np.floor(rows["year"].to_numpy(dtype=float))
    stocks = {"observed": np.exp(foreseen.observed[total])[None], "true": np.exp(foreseen.mean[:, total])}
    stocks |= {"values": foreseen.values[:, total]}
    found = []
    for other, when in sorted({(t, y) for t, y in zip(treatment, year, strict=True) if isinstance(t, str)}):
        with_it, without = ((treatment == one) & (year == when) for one in (other, against))
        if other == against or not without.any():
            continue
        observed, true, values = (s[:, with_it].mean(axis=1) - s[:, without].mean(axis=1) for s in stocks.values())
        low, high = np.quantile(values, [(1 - CI_PROB) / 2, (1 + CI_PROB) / 2])
        inside = covered(values[:, None], observed)[0]
        found.append(
            {
                "treatment": other,
                "year": int(when),
                "observed": observed[0],
                "mean": values.mean(),
                "sd": values.std(),
                "low": low,
                "high": high,
                "measurement_sd": (values - true).std(),
                "at_first": float((first[other] - first[against]).mean()) if {other, against} <= set(first) else np.nan,
                **{f"inside_{round(100 * p)}": bool(inside[k]) for k, p in enumerate(COVERED)},
                "crps": float(crps(values[:, None], observed)[0]),
            }
        )
    return pd.DataFrame(found)
