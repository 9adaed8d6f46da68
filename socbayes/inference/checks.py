"""Checks of a fit, each a verdict, one or two plain sentences, a table and a figure.

What each asks, means and advises, and whether it is a gate, stands in
:mod:`socbayes.inference.catalogue`. A fit that fails a gate must not be used.
The other checks inform: they say where a converged model and its data
disagree, which is a finding about the model and not a fault of the computation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from socbayes.facts import facts_of
from socbayes.inference import diagnostics
from socbayes.inference.catalogue import CATALOGUE, GATES
from socbayes.inference.check_figures import (
    BOUNDS,
    energy_figure,
    khat_figure,
    pit_figure,
    predictive_figure,
    rank_figure,
    sensitivity_figure,
    statistics_figure,
)
from socbayes.inference.check_results import CannotRunError, CheckResult, Checks
from socbayes.inference.draw_faults import draw_faults
from socbayes.inference.observed import NAMED, coordinate, label, main_observed, silent
from socbayes.inference.replication import replication_faults, replication_table
from socbayes.spec import joined
from socbayes.vocabulary import CI_PROB, INTERVAL_NAME
from socbayes.wording import counted

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger("socbayes")

__all__ = ["CHECKS", "GATES", "CheckResult", "Checks", "check"]

EXTREME_P = 0.01
"""Predictive tail probability beyond which a property of the data counts as missed."""

MIN_DATA_WITHIN_PRIOR = 0.9
"""Share of the data that the central 99 % of prior predictions must hold."""

MIN_PRIOR_WITHIN_DATA = 0.01
"""Share of prior predictions that must fall between the smallest and largest observation."""

SENSITIVITY = 0.05
"""Power-scaling sensitivity above which a result counts as moved (Kallioinen et al. 2024)."""

_STATISTICS: dict[str, Callable[[xr.DataArray, Sequence[Hashable]], xr.DataArray]] = {
    "mean": lambda values, dims: values.mean(dims),
    "sd": lambda values, dims: values.std(dims),
    "5 % quantile": lambda values, dims: values.quantile(0.05, dims).drop_vars("quantile"),
    "95 % quantile": lambda values, dims: values.quantile(0.95, dims).drop_vars("quantile"),
    "minimum": lambda values, dims: values.min(dims),
    "maximum": lambda values, dims: values.max(dims),
}


def check(fitted: xr.DataTree) -> Checks:
    """Run every check on a fit.

    Nothing is drawn until the ``figure()`` of a result is called, and a check
    that cannot run says why instead of failing the others.

    Parameters
    ----------
    fitted
        Result of :func:`socbayes.inference.fit.fit`, or of ``open_run`` for
        an interrupted run.

    Returns
    -------
    Checks
        Results by name: draws, convergence, divergences, energy, climbs, replication,
        prior_predictive, posterior_predictive, study_means, loo, loo_pit, prior_sensitivity.

    Examples
    --------
    >>> import socbayes as sb
    >>> checks = sb.check(fitted)  # doctest: +SKIP
    >>> checks.passed  # doctest: +SKIP
    True
    >>> checks["posterior_predictive"].figure()  # doctest: +SKIP
    """
    found = {name: _run(name, function, fitted) for name, function in CHECKS.items()}
    if "thinned_from" in fitted.attrs:
        found |= {name: _before_thinning(name, fitted, found[name]) for name in _BEFORE_THINNING}
    return Checks(found)


_BEFORE_THINNING = {
    "convergence": ("max_r_hat", "min_ess_bulk", "min_ess_tail"),
    "divergences": ("divergences",),
    "energy": ("min_energy_fraction",),
}
"""Numbers of the full fit that stand for a thinned one."""


def _before_thinning(name: str, fitted: xr.DataTree, now: CheckResult) -> CheckResult:
    """Verdict of a gate on the full fit that a stored posterior was thinned from; what is damaged now fails."""
    import pandas as pd

    if now.passed is False:
        return now
    values = {number: float(fitted.attrs[number]) for number in _BEFORE_THINNING[name]}
    total = int(fitted.attrs["thinned_from"]) * fitted["posterior"].sizes["chain"]
    said = ", ".join(f"{number.replace('_', ' ')} {value:.5g}" for number, value in values.items())
    text = f"Judged on all {total:,} draws before they were thinned: {said}."
    table = pd.DataFrame({"value": values}).rename_axis("diagnostic")
    return CheckResult(name, diagnostics.judged(fitted).converged, text, table)


def _failed(name: str, faults: Sequence[str]) -> str:
    """Say what a failed gate found, what that means and what helps."""
    kind = CATALOGUE[name]
    found = "; ".join(faults)
    return f"{found[:1].upper()}{found[1:]}. {kind.means} What helps: {kind.helps}."


def check_draws(fitted: xr.DataTree) -> CheckResult:
    """Whether draws are finite, move, and are those of separate chains."""
    import pandas as pd

    posterior = fitted["posterior"].to_dataset()
    faults = draw_faults(fitted)
    sizes = posterior.sizes
    rows = {
        str(name): {
            "numbers": int(values[0, 0].size),
            "finite": float(np.isfinite(values).mean()),
            "smallest": float(values.min()),
            "largest": float(values.max()),
        }
        for name, values in posterior.transpose("chain", "draw", ...).data_vars.items()
        if values.dtype.kind in "fiub" and values.size
    }
    text = f"All {sizes['draw']:,} draws of {sizes['chain']} chains are finite, move, and are those of separate chains."
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("variable")
    return CheckResult("draws", not faults, _failed("draws", faults) if faults else text, table)


def check_convergence(fitted: xr.DataTree) -> CheckResult:
    """Whether the chains agree and hold enough independent draws, in every variable.

    References
    ----------
    Vehtari et al. (2021), Bayesian Analysis 16:667.
    """
    table = diagnostics.convergence_table(fitted)
    if table.empty:
        raise CannotRunError("no variable of the posterior varies")
    problems = diagnostics.mixing_faults(fitted, table)
    if problems:
        text = _failed("convergence", problems)
    else:
        every = f"all {len(table)} variables" if len(table) > 1 else "the one variable"
        text = (
            f"The chains agree in {every}: largest R-hat {table['r_hat'].max():.3f} (limit "
            f"{diagnostics.MAX_R_HAT:g}), smallest effective sample size {table['ess_bulk'].min():.0f} in the bulk and "
            f"{table['ess_tail'].min():.0f} in the tails (limit {diagnostics.MIN_ESS})."
        )
    return CheckResult(
        "convergence",
        not problems,
        text,
        table.sort_values(["r_hat", "ess_bulk"], ascending=[False, True]),
        lambda: rank_figure(fitted, table),
    )


def check_divergences(fitted: xr.DataTree) -> CheckResult:
    """Whether the sampler left a region of the posterior unexplored.

    References
    ----------
    Betancourt (2017), arXiv:1701.02434.
    """
    import pandas as pd

    _need(fitted, "sample_stats")
    diverging = fitted["sample_stats/diverging"]
    counts = diverging.sum("draw").to_numpy().astype(int)
    table = pd.DataFrame(
        {"divergences": counts, "draws": diverging.sizes["draw"]},
        index=pd.Index(diverging["chain"].to_numpy(), name="chain"),
    )
    faults = diagnostics.divergence_faults(fitted)
    text = _failed("divergences", faults) if faults else f"None of {diverging.size:,} transitions diverged."
    return CheckResult("divergences", not faults, text, table)


def check_energy(fitted: xr.DataTree) -> CheckResult:
    """Whether each chain moves through the tails of the posterior fast enough.

    References
    ----------
    Betancourt (2016), arXiv:1604.00695.
    """
    import pandas as pd

    _need(fitted, "sample_stats")
    fraction = diagnostics.energy_fraction(fitted)
    table = pd.DataFrame(
        {"energy_fraction": fraction}, index=pd.Index(fitted["sample_stats/energy"]["chain"].to_numpy(), name="chain")
    )
    faults = diagnostics.energy_faults(fitted)
    text = (
        f"The smallest energy fraction (BFMI) of the chains is {fraction.min():.2f} (limit {diagnostics.MIN_BFMI:g}): "
        "every chain moves freely through the tails of the posterior."
    )
    text = _failed("energy", faults) if faults else text
    return CheckResult("energy", not faults, text, table, lambda: energy_figure(fitted))


def check_climbs(fitted: xr.DataTree) -> CheckResult:
    """Whether ascents from draws and from points of the prior end where the draws are."""
    import pandas as pd

    found = diagnostics.climbs_of(fitted)
    if not found:
        reason = (facts_of(fitted).missing or {}).get("climbs")
        raise CannotRunError(reason or "the fit was made without climbs; sb.fit(model, climbs=8) makes some")
    table = pd.DataFrame(found["tops"], columns=["from", "log_density"]).rename_axis("climb")
    faults = diagnostics.climb_faults(fitted)
    text = (
        f"None of {len(table)} climbs, {int((table['from'] == 'a draw').sum())} of them from draws and the others from "
        f"points of the prior, found the data far better explained than the draws explain them (highest log density "
        f"{table['log_density'].max():,.1f}; best draw {found['best_draw']:,.1f})."
    )
    return CheckResult("climbs", not faults, _failed("climbs", faults) if faults else text, table)


def check_replication(fitted: xr.DataTree) -> CheckResult:
    """Whether data replicated by the fit have the mean and the spread of the data it was fitted to.

    Fails where a statistic is both improbable under the fit and far in units
    of the data: see :mod:`socbayes.inference.replication`.

    References
    ----------
    Gelman, Meng and Stern (1996), Statistica Sinica 6:733.
    """
    _need(fitted, "posterior_predictive", "observed_data")
    table = replication_table(fitted)
    if table.empty:
        raise CannotRunError("no observed variable was replicated")
    faults = replication_faults(table)
    names = list(dict.fromkeys(label(str(name)) for name in table.index.get_level_values("variable")))
    text = f"The fit gives back the mean and the spread of {joined(names)}."
    return CheckResult("replication", not faults, _failed("replication", faults) if faults else text, table)


def check_prior_predictive(fitted: xr.DataTree) -> CheckResult:
    """Whether the priors alone predict data of the kind that was observed.

    Fails only on absurdity: priors that rule out much of the data, or that
    put next to nothing where the data are.
    """
    import pandas as pd

    rows, absurd = [], []
    names = _observed(fitted, "prior_predictive", "observed_data")
    for name in names:
        predicted = fitted["prior_predictive"][name].to_numpy().ravel()
        data = fitted["observed_data"][name].to_numpy().ravel()
        data, finite = data[np.isfinite(data)], predicted[np.isfinite(predicted)]
        if not data.size or not finite.size:
            raise CannotRunError(f"{label(name)} has no finite {'prior predictions' if data.size else 'observations'}")
        low, high = np.quantile(finite, [0.005, 0.995])
        row = {
            "variable": name,
            "prior_within_data": float(((finite >= data.min()) & (finite <= data.max())).sum() / predicted.size),
            "data_within_prior": float(((data >= low) & (data <= high)).mean()),
            "data_minimum": data.min(),
            "data_maximum": data.max(),
            "prior_99_lb": low,
            "prior_99_ub": high,
            "not_finite": float(1 - finite.size / predicted.size),
        }
        rows.append(row)
        if row["data_within_prior"] < MIN_DATA_WITHIN_PRIOR:
            absurd.append(f"the priors rule out {1 - row['data_within_prior']:.0%} of {label(name)}")
        if row["prior_within_data"] < MIN_PRIOR_WITHIN_DATA:
            absurd.append(f"next to no prior prediction of {label(name)} falls where the data are")
    table = pd.DataFrame(rows).set_index("variable")
    text = "Before seeing the data, " + "; ".join(
        f"the model puts {row['prior_within_data']:.0%} of its predictions of {label(str(name))} inside the observed "
        f"range, and {row['data_within_prior']:.0%} of the data lie within the central 99 % of predictions"
        for name, row in table.iterrows()
    )
    text += f". Absurd: {_failed('prior_predictive', absurd)}" if absurd else "."
    return CheckResult(
        "prior_predictive", not absurd, text, table, lambda: predictive_figure(fitted, "prior_predictive", names)
    )


def check_posterior_predictive(fitted: xr.DataTree) -> CheckResult:
    """Whether data replicated by the fitted model look like the observed ones.

    Compares mean, spread, tails and extremes; ``p`` is the share of replicated
    data sets whose statistic lies below the observed one (half for a tie).

    References
    ----------
    Gelman, Meng and Stern (1996), Statistica Sinica 6:733.
    """
    import arviz as az
    import pandas as pd

    names = _observed(fitted, "posterior_predictive", "observed_data")
    rows = []
    for name in names:
        data = fitted["observed_data"].to_dataset()[name]
        replicated = fitted["posterior_predictive"].to_dataset()[name]
        for statistic, function in _STATISTICS.items():
            seen = function(data, list(data.dims)).item()
            draws = function(replicated, list(data.dims))
            p = float((draws < seen).mean() + 0.5 * (draws == seen).mean())
            rows.append(
                {"variable": name, "statistic": statistic, "observed": seen}
                | dict(zip(BOUNDS, az.eti(draws, prob=CI_PROB).to_numpy().tolist(), strict=True))
                | {"p": p, "missed": not EXTREME_P <= p <= 1 - EXTREME_P}
            )
    table = pd.DataFrame(rows).set_index(["variable", "statistic"])
    sentences = []
    for name in names:
        missed = table.loc[name][table.loc[name, "missed"]]
        if len(missed):
            details = [
                f"the {statistic} ({_number(row['observed'])} observed, {_number(row[BOUNDS[0]])} to "
                f"{_number(row[BOUNDS[1]])} replicated)"
                for statistic, row in missed.iterrows()
            ]
            sentences.append(f"THE MODEL MISSES {joined(details)} of {label(name)}.")
        else:
            sentences.append(f"The model reproduces mean, spread, tails and extremes of {label(name)}.")
    if table["missed"].any():
        sentences.append(f"Ranges are {INTERVAL_NAME}s.")
    return CheckResult(
        "posterior_predictive",
        None,
        " ".join(sentences),
        table,
        lambda: statistics_figure(table),
    )


def check_study_means(fitted: xr.DataTree) -> CheckResult:
    """Whether the fitted model reproduces the mean of each group of rows, such as a study.

    A model names the groups of an observed dimension by a data variable
    called ``<group>_of_<dimension>``, such as ``study_of_obs``, that holds
    positions along the coordinate ``<group>``.
    """
    import arviz as az
    import pandas as pd

    tables, sentences = [], []
    for name in _observed(fitted, "posterior_predictive", "observed_data"):
        members = _groups(fitted, name)
        if members is None:
            continue
        group = str(members.name)
        dim = str(members.dims[0])
        seen = fitted["observed_data"][name].assign_coords({group: members}).groupby(group).mean()
        means = fitted["posterior_predictive"][name].assign_coords({group: members}).groupby(group).mean(dim)
        bounds = az.eti(means, prob=CI_PROB, dim=["chain", "draw"]).to_numpy()
        table = pd.DataFrame(
            {
                "variable": name,
                "group": [f"{group} {value}" for value in seen[group].to_numpy()],
                "observed": seen.to_numpy(),
                BOUNDS[0]: bounds[..., 0],
                BOUNDS[1]: bounds[..., 1],
            }
        )
        table["inside"] = table["observed"].between(table[BOUNDS[0]], table[BOUNDS[1]])
        tables.append(table)
        outside = table.loc[~table["inside"], "group"].tolist()
        sentence = (
            f"The mean {label(name)} of {table['inside'].mean():.0%} of {len(table)} groups ({group}) lies in its "
            f"predictive {INTERVAL_NAME}, each with its own fitted level"
        )
        sentences.append(sentence + (f"; outside: {_some(outside)}." if outside else "."))
    if not tables:
        raise CannotRunError(
            "the fit does not say which study its observations belong to: a model of yours says it by "
            "sb.describe(model, name, groups={'study': labels}) before it is fitted"
        )
    return CheckResult("study_means", None, " ".join(sentences), pd.concat(tables).set_index(["variable", "group"]))


def check_loo(fitted: xr.DataTree) -> CheckResult:
    """How well the model predicts an observation left out, and which ones it leans on.

    References
    ----------
    Vehtari, Gelman and Gabry (2017), Statistics and Computing 27:1413.
    """
    import arviz as az
    import pandas as pd

    _need(fitted, "posterior")
    scores, rows, sentences = {}, [], []
    for name in _observed(fitted, "log_likelihood"):
        with silent():
            score = az.loo(fitted, var_name=name, pointwise=True)
        scores[name] = score
        k = score.pareto_k
        flat = k.to_numpy().ravel()
        # An undefined k is as bad as a large one.
        bad = ~(flat <= score.good_k)
        order = [place for place in np.argsort(-np.nan_to_num(flat, nan=np.inf)) if bad[place]][:NAMED]
        worst = [f"{coordinate(k, place)} ({flat[place]:.2f})" for place in order]
        rows.append(
            {
                "variable": name,
                "observations": flat.size,
                "elpd": float(score.elpd),
                "se": float(score.se),
                "p": float(score.p),
                "good_k": float(score.good_k),
                "above_good_k": int(bad.sum()),
                "share_above": float(bad.mean()),
                "worst": ", ".join(worst),
            }
        )
        sentence = (
            f"Predicting each of {flat.size:,} observations of {label(name)} from the others scores "
            f"{score.elpd:,.0f} ± {score.se:,.0f} (elpd ± standard error) with {score.p:,.0f} effective parameters"
        )
        if bad.any():
            more = "" if bad.sum() <= NAMED else f" and {bad.sum() - NAMED} more"
            sentence += (
                f"; {counted(bad.sum(), 'observation')} ({bad.mean():.1%}) "
                f"{'pulls so hard on the fit that its' if bad.sum() == 1 else 'pull so hard on the fit that their'} "
                f"score is unsure (Pareto k above {score.good_k:.2f}): {', '.join(worst)}{more}"
            )
        sentences.append(sentence + ".")
    return CheckResult(
        "loo", None, " ".join(sentences), pd.DataFrame(rows).set_index("variable"), lambda: khat_figure(scores)
    )


def check_loo_pit(fitted: xr.DataTree) -> CheckResult:
    """Whether intervals for observations left out hold the share they promise.

    References
    ----------
    Gabry et al. (2019), Journal of the Royal Statistical Society A 182:389.
    """
    import arviz as az
    import pandas as pd
    import xarray as xr

    names = _observed(fitted, "log_likelihood", "posterior_predictive", "observed_data")
    # Responses scored together have one density but no one rank: there is no PIT of them.
    joint = [name for name in names if fitted["observed_data"][name].ndim > fitted["log_likelihood"][name].ndim - 2]
    names = [name for name in names if name not in joint]
    if not names:
        raise CannotRunError("every observation has several responses, which have no common rank")
    # Predictions are kept of fewer draws than the posterior has: weights must be those of the same draws.
    kept = {dim: fitted["posterior_predictive"][dim] for dim in ("chain", "draw")}
    tree = xr.DataTree.from_dict(
        {name: fitted[name].to_dataset().sel(kept) for name in ("posterior", "log_likelihood")}
        | {name: fitted[name].to_dataset() for name in ("posterior_predictive", "observed_data")}
    )
    with silent():
        values = az.loo_pit(tree, var_names=names, random_state=0, pareto_pit=True)
    rows, sentences = [], []
    for name in names:
        pit = values[name]
        # Dependent, because left-out predictions share the data: the test is one for dependent values.
        p = float(pit.azstats.uniformity_test(dim=list(pit.dims))[0])
        row: dict[str, Any] = {"variable": name, "observations": int(pit.size)}
        row |= {f"within_{100 * prob:.0f}": float((abs(pit - 0.5) <= prob / 2).mean()) for prob in (0.5, CI_PROB)}
        rows.append(row | {"p_uniform": p})
        wide = row[f"within_{100 * CI_PROB:.0f}"]
        sentence = (
            f"Of {pit.size:,} observations of {label(name)}, each predicted from the others, {wide:.0%} lie in their "
            f"{100 * CI_PROB:.0f} % and {row['within_50']:.0%} in their 50 % equal-tailed intervals: "
        )
        sentences.append(sentence + _calibration(p, row["within_50"] - 0.5, wide - CI_PROB, pit.size) + ".")
    return CheckResult(
        "loo_pit",
        None,
        " ".join(sentences),
        pd.DataFrame(rows).set_index("variable"),
        lambda: pit_figure(values[names]),
    )


def check_prior_sensitivity(fitted: xr.DataTree) -> CheckResult:
    """Which reported quantities would move had the priors been a little stronger or weaker.

    Only the priors a user sets are scaled: the spread of studies around their
    mean is part of the model, learned from data, and not a prior in this sense.

    References
    ----------
    Kallioinen et al. (2024), Statistics and Computing 34:57.
    """
    import arviz as az

    _need(fitted, "posterior", "log_prior", "log_likelihood")
    spec = facts_of(fitted).spec
    posterior, log_prior = fitted["posterior"], fitted["log_prior"]
    stated = [record["parameter"] for record in spec.priors]
    known = [name for name in stated if name in log_prior] or [str(name) for name in log_prior.data_vars]
    # The density of a uniform prior is the same everywhere, so a stronger one says nothing else.
    scaled = [name for name in known if float(log_prior[name].std(["chain", "draw"]).max()) > 0]
    if not scaled:
        raise CannotRunError(f"every prior is uniform ({_some(known)}), and has no strength that could be changed")
    wanted = dict.fromkeys([*spec.quantities, *stated])
    # What never varies cannot move.
    names = [name for name in wanted if name in posterior] or [str(name) for name in posterior.data_vars]
    names = [str(name) for name in names if float(posterior[name].std(["chain", "draw"]).max()) > 0]
    if not names:
        raise CannotRunError("no reported quantity varies")
    with silent():
        table = az.psense_summary(fitted, var_names=names, prior_var_names=scaled, threshold=SENSITIVITY, round_to=6)
    table.index.name = "number"
    meaning = {
        "potential prior-data conflict": "prior and data both matter",
        "potential strong prior / weak likelihood": "rests on the prior",
    }
    table["diagnosis"] = [meaning.get(text, "rests on the data") for text in table["diagnosis"]]
    sentences = []
    for diagnosis, meant in (
        ("rests on the prior", "rest on their prior more than on the data"),
        ("prior and data both matter", "would move with a stronger or weaker prior as well as with the data"),
    ):
        found = table[table["diagnosis"] == diagnosis].sort_values("prior", ascending=False)
        if len(found):
            sentences.append(f"{len(found)} of {len(table)} numbers {meant}: {_some(list(found.index))}.")
    text = " ".join(sentences) or f"None of {len(table)} numbers would move noticeably with a stronger or weaker prior."
    return CheckResult(
        "prior_sensitivity",
        None,
        text,
        table.sort_values("prior", ascending=False),
        lambda: sensitivity_figure(table, SENSITIVITY),
    )


CHECKS: dict[str, Callable[[xr.DataTree], CheckResult]] = {
    "draws": check_draws,
    "convergence": check_convergence,
    "divergences": check_divergences,
    "energy": check_energy,
    "climbs": check_climbs,
    "replication": check_replication,
    "prior_predictive": check_prior_predictive,
    "posterior_predictive": check_posterior_predictive,
    "study_means": check_study_means,
    "loo": check_loo,
    "loo_pit": check_loo_pit,
    "prior_sensitivity": check_prior_sensitivity,
}
"""Every check by name, in the order they are read."""


def _run(name: str, function: Callable[[xr.DataTree], CheckResult], fitted: xr.DataTree) -> CheckResult:
    import pandas as pd

    try:
        return function(fitted)
    except CannotRunError as reason:
        text = f"Not run: {reason}."
    except Exception as error:  # one broken check must not hide what the others found
        log.debug("check %s failed", name, exc_info=True)
        text = f"Not judged: {CATALOGUE[name].asks} ({type(error).__name__}: {' '.join(str(error).split())})"
    return CheckResult(name, None, text, pd.DataFrame())


def _need(fitted: xr.DataTree, *groups: str) -> None:
    missing = [group for group in groups if group not in fitted.children or not fitted[group].data_vars]
    if missing:
        facts = facts_of(fitted)
        reasons = [f"{name}: {facts.missing[name]}" for name in missing if facts.missing and name in facts.missing]
        why = "" if facts.complete else "; an interrupted run keeps only posterior and sample_stats"
        raise CannotRunError(f"the fit has no {joined(missing)}{why}" + (f" ({'; '.join(reasons)})" if reasons else ""))


def _observed(fitted: xr.DataTree, *groups: str) -> list[str]:
    """Observed variables of interest that all ``groups`` hold."""
    _need(fitted, *groups)
    names = [name for name in main_observed(fitted, groups[0]) if all(name in fitted[group] for group in groups)]
    if not names:
        raise CannotRunError(f"no observed variable is in {joined(groups)}")
    return names


def _groups(fitted: xr.DataTree, name: str) -> xr.DataArray | None:
    """Group of each observation, or None where the fit does not say."""
    data = fitted["observed_data"][name]
    if data.ndim != 1 or "constant_data" not in fitted.children:
        return None
    suffix = f"_of_{data.dims[0]}"
    constant = fitted["constant_data"]
    for variable, members in constant.data_vars.items():
        group = str(variable).removesuffix(suffix)
        held = next((one for one in (fitted["posterior"], constant) if group in one.coords), None)
        if str(variable).endswith(suffix) and held is not None:
            labels = held[group].to_numpy()[members.to_numpy()]
            return members.copy(data=labels.astype("U")).rename(group).reset_coords(drop=True)
    return None


def _calibration(p: float, narrow: float, wide: float, size: int) -> str:
    """Say what coverage too high or too low means, where chance does not explain it."""
    if p >= EXTREME_P:
        return "as promised"
    tolerance = 2 * np.sqrt(CI_PROB * (1 - CI_PROB) / size)
    if wide < -tolerance:
        return "PREDICTIONS ARE TOO SURE OF THEMSELVES"
    if wide > tolerance:
        return "predictions are wider than they need be"
    if abs(narrow) > 2 * np.sqrt(0.25 / size):
        return f"the {'peak is too flat' if narrow > 0 else 'peak is too sharp'} for the data"
    return "widths are right, but predictions lean to one side"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _some(names: Sequence[str]) -> str:
    """List the first few names, and how many more there are."""
    if len(names) <= NAMED:
        return joined(list(names))
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
