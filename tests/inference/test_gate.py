"""The gate on fits made by hand: the good pass, and each way of being no sample of a posterior fails by its name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from socbayes.demo import scenario_numbers
from socbayes.errors import SocbayesError
from socbayes.inference import diagnostics
from socbayes.inference.carry import prior_from
from socbayes.inference.catalogue import CATALOGUE
from socbayes.inference.check_results import CannotRunError
from socbayes.inference.checks import CHECKS, check
from socbayes.inference.diagnostics import banner, fingerprint, gate, judged
from socbayes.inference.runs import load, save
from socbayes.scenarios import ScenarioComparison
from socbayes.spec import ModelSpec

CHAINS, DRAWS = 4, 1000


def normal(seed: int = 1, draws: int = DRAWS, chains: int = CHAINS) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((chains, draws))


def fit_of(draws: dict[str, np.ndarray], **groups: xr.Dataset) -> xr.DataTree:
    """A fit of given draws, (chain, draw, ...), with honest statistics of a sampler."""
    chains, length = next(iter(draws.values())).shape[:2]
    dims = {"chain": np.arange(chains), "draw": np.arange(length)}
    statistics = {
        "diverging": (("chain", "draw"), np.zeros((chains, length), dtype=bool)),
        "energy": (("chain", "draw"), normal(99, length, chains)),
    }
    posterior = {name: (("chain", "draw", *"xy"[: v.ndim - 2]), v) for name, v in draws.items()}
    return xr.DataTree.from_dict(
        {"posterior": xr.Dataset(posterior, coords=dims), "sample_stats": xr.Dataset(statistics, coords=dims)}
        | {name: value for name, value in groups.items()}
    )


def replicated(data: np.ndarray, mean: float, sd: float, draws: int = 200) -> dict[str, xr.Dataset]:
    """Groups of a fit whose replicated data are normal."""
    made = np.random.default_rng(5).normal(mean, sd, (CHAINS, draws, data.size))
    return {
        "observed_data": xr.Dataset({"carbon": ("obs", data)}),
        "posterior_predictive": xr.Dataset({"carbon": (("chain", "draw", "obs"), made)}),
    }


def put(draws: np.ndarray, where: tuple, value: float | np.ndarray) -> np.ndarray:
    draws = draws.copy()
    draws[where] = value
    return draws


def autocorrelated(rho: float, seed: int = 3, draws: int = DRAWS) -> np.ndarray:
    steps, walk = normal(seed, draws), np.empty((CHAINS, draws))
    walk[:, 0] = steps[:, 0]
    for k in range(1, draws):
        walk[:, k] = rho * walk[:, k - 1] + np.sqrt(1 - rho**2) * steps[:, k]
    return walk


A = normal()
DATA = np.random.default_rng(2).normal(1850.0, 200.0, 60)

GOOD = {
    "independent draws": lambda: fit_of({"a": A, "b": normal(2)}),
    "a vector": lambda: fit_of({"a": normal(4)[..., None] + np.zeros(3) + normal(5)[..., None] * np.arange(3)}),
    "moderately autocorrelated": lambda: fit_of({"a": autocorrelated(0.6)}),
    "an effect fixed at zero": lambda: fit_of({"a": A, "zero": 0.0 * A}),
    "a formula that stops at zero": lambda: fit_of({"a": A, "above": np.maximum(A, 0.0)}),
    "a formula that is mostly zero": lambda: fit_of({"a": A, "above": np.maximum(A - 1.5, 0.0)}),
    "a share that saturates": lambda: fit_of({"a": A, "share": 1 / (1 + np.exp(-40 * A))}),
    "an autocorrelated formula that stops": lambda: fit_of({"a": A, "above": np.maximum(autocorrelated(0.6), 0.5)}),
    "counts": lambda: fit_of({"a": A, "count": np.random.default_rng(3).poisson(0.4, (CHAINS, DRAWS))}),
    "an indicator": lambda: fit_of({"a": A, "sign": A > 0}),
    "heavy tails": lambda: fit_of({"a": np.random.default_rng(4).standard_t(2, (CHAINS, DRAWS))}),
    "huge units": lambda: fit_of({"a": 1e12 + 1e9 * A}),
    "tiny units": lambda: fit_of({"a": 1e-12 * A}),
    "steps that were rejected": lambda: fit_of({"a": put(A, np.s_[:, 1::20], A[:, ::20])}),
    "two modes all chains visit": lambda: fit_of({"a": A + 6 * (normal(8) > 0)}),
    "single precision": lambda: fit_of({"a": A.astype("float32")}),
    "two chains": lambda: fit_of({"a": normal(6, 1000, 2)}),
    "data given back": lambda: fit_of({"a": A}, **replicated(DATA, 1850.0, 200.0)),
    "a mean missed by little": lambda: fit_of({"a": A}, **replicated(DATA, 1790.0, 200.0)),
    "heavier tails than the data": lambda: fit_of({"a": A}, **replicated(DATA, 1850.0, 330.0)),
    "data with a gap": lambda: fit_of({"a": A}, **replicated(put(DATA, np.s_[3], np.nan), 1850.0, 200.0)),
    "equal observations": lambda: fit_of({"a": A}, **replicated(np.full(20, 0.3) + 1e-17, 0.3, 0.1)),
    "three estimates that disagree": lambda: fit_of({"a": A}, **replicated(np.array([0.1, 0.5, 3.0]), 0.4, 0.1)),
    "one observation": lambda: fit_of({"a": A}, **replicated(DATA[:1], 1850.0, 200.0)),
}

BAD = {
    "one infinite draw": ("draws", lambda: fit_of({"fine": normal(2), "a": put(A, (2, 500), np.inf)})),
    "one draw minus infinite": ("draws", lambda: fit_of({"a": put(A, (0, 0), -np.inf)})),
    "one missing draw": ("draws", lambda: fit_of({"a": put(A, (3, 999), np.nan)})),
    "a variable of missing draws": ("draws", lambda: fit_of({"fine": A, "a": np.nan * A})),
    "one infinite number of a vector": ("draws", lambda: fit_of({"a": put(GOOD_VECTOR, (1, 5, 2), np.inf)})),
    "stuck for the last 5 %": ("draws", lambda: fit_of({"a": put(A, np.s_[1, 950:], A[1, 950])})),
    "stuck for the last 7 %": ("draws", lambda: fit_of({"a": put(A, np.s_[1, 930:], 0.01)})),
    "stuck for the last 10 %": ("draws", lambda: fit_of({"a": put(A, np.s_[0, 900:], 2.5)})),
    "stuck for 6 % in the middle": ("draws", lambda: fit_of({"a": put(A, np.s_[2, 333:393], -0.2)})),
    "stuck at the beginning": ("draws", lambda: fit_of({"a": put(A, np.s_[3, :60], 0.7)})),
    "all chains stuck at one edge": ("draws", lambda: fit_of({"a": put(A, np.s_[:, 940:], 0.0)})),
    "stuck but for rounding": ("draws", lambda: fit_of({"a": put(A, np.s_[1, 940:], 0.3 + 1e-9 * A[1, :60])})),
    "stuck but for trembling": ("draws", lambda: fit_of({"a": put(A, np.s_[1, 900:], 0.3 + 5e-4 * A[1, :100])})),
    "stuck in one number of a vector": (
        "draws",
        lambda: fit_of({"a": put(GOOD_VECTOR, np.s_[1, 945:, 1], 0.4)}),
    ),
    "stuck in a short run": ("draws", lambda: fit_of({"a": put(normal(7, 250), np.s_[1, 237:], 0.1)})),
    "stuck in a long run": ("draws", lambda: fit_of({"a": put(normal(7, 5000), np.s_[1, 4750:], 0.1)})),
    "two chains the same": ("draws", lambda: fit_of({"a": put(A, np.s_[3], A[0])})),
    "all chains the same": ("draws", lambda: fit_of({"a": np.repeat(A[:1], 4, axis=0)})),
    "half a chain the same": ("draws", lambda: fit_of({"a": put(A, np.s_[2, 500:], A[1, 500:])})),
    "a chain the reverse of another": ("draws", lambda: fit_of({"a": put(A, np.s_[1], A[0, ::-1])})),
    "one variable the same in two chains": ("draws", lambda: fit_of({"b": normal(2), "a": put(A, np.s_[3], A[0])})),
    "few draws": ("draws", lambda: fit_of({"a": normal(1, 60)})),
    "a parameter that never moves": (
        "draws",
        lambda: fit_of({"a": A, "b": 0 * A + 1}, log_prior=xr.Dataset({"b": (("chain", "draw"), 0 * A)})),
    ),
    "one chain only": ("convergence", lambda: fit_of({"a": A[:1]})),
    "a chain elsewhere": ("convergence", lambda: fit_of({"a": put(A, np.s_[2], A[2] + 5)})),
    "a chain wider than the others": ("convergence", lambda: fit_of({"a": put(A, np.s_[2], 4 * A[2])})),
    "a drift in all chains": ("convergence", lambda: fit_of({"a": A + np.linspace(0, 3, DRAWS)})),
    "a chain that leaves at its end": ("convergence", lambda: fit_of({"a": put(A, np.s_[1, 800:], A[1, 800:] + 8)})),
    "slow draws": ("convergence", lambda: fit_of({"a": autocorrelated(0.97)})),
    "a chain that is constant": ("convergence", lambda: fit_of({"a": put(A, np.s_[1], 9.0)})),
    "nothing varies": ("convergence", lambda: fit_of({"a": 0 * A})),
    "an interrupted run": ("convergence", lambda: with_attrs(fit_of({"a": A}), complete=0)),
    "one divergence": ("divergences", lambda: with_statistic("diverging", True)),
    "no word of divergences": ("divergences", lambda: without("sample_stats")),
    "missing energy": ("energy", lambda: with_statistic("energy", np.nan)),
    "a slow energy": ("energy", lambda: with_statistic("energy", None)),
    "a mean not given back": ("replication", lambda: fit_of({"a": A}, **replicated(DATA, 220.0, 60.0))),
    "a mean a little off": ("replication", lambda: fit_of({"a": A}, **replicated(DATA, 1640.0, 200.0))),
    "too narrow": ("replication", lambda: fit_of({"a": A}, **replicated(DATA, 1850.0, 60.0))),
    "too wide": ("replication", lambda: fit_of({"a": A}, **replicated(DATA, 1850.0, 2000.0))),
    "a unit a thousandth": ("replication", lambda: fit_of({"a": A}, **replicated(DATA, 1.85, 0.2))),
    "a higher top": (
        "climbs",
        lambda: with_attrs(
            fit_of({"a": A}),
            climbs=json.dumps(
                {"excess": 1125.0, "limit": 18.0, "parameters": 5, "from": "a point of the prior"}
                | {"best_draw": -1597.0, "tops": [["a point of the prior", -472.0]]}
            ),
        ),
    ),
}

GOOD_VECTOR = normal(4)[..., None] + normal(5)[..., None] * np.arange(3)


def with_attrs(fitted: xr.DataTree, **attrs) -> xr.DataTree:
    fitted.attrs |= attrs
    return fitted


def with_statistic(name: str, value) -> xr.DataTree:
    fitted = fit_of({"a": A})
    held = fitted[f"sample_stats/{name}"].to_numpy().copy()
    if value is None:
        held = np.cumsum(held, axis=1)
    else:
        held[1, 5] = value
    fitted[f"sample_stats/{name}"] = fitted[f"sample_stats/{name}"].copy(data=held)
    return fitted


def without(group: str) -> xr.DataTree:
    fitted = fit_of({"a": A})
    del fitted[group]
    return fitted


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_a_good_fit_passes(make):
    fitted = make()
    assert gate(fitted), fitted.attrs["failures"]
    assert banner(fitted) == ""


@pytest.mark.parametrize(("name", "make"), BAD.values(), ids=BAD)
def test_a_bad_fit_fails_by_the_name_of_its_fault(name, make):
    fitted = make()
    assert not gate(fitted)
    assert fitted.attrs["converged"] == 0
    assert CATALOGUE[name].helps in banner(fitted)
    try:
        result = CHECKS[name](fitted)
    except CannotRunError:
        return
    assert result.passed is False
    assert CATALOGUE[name].means in result.text


def test_what_cannot_be_judged_is_not_passed():
    """Divergences, say: a fit that does not tell of them is not trusted."""
    checks = check(without("sample_stats"))
    assert checks["divergences"].verdict == "not run"
    assert "divergences" in checks.failures


def test_a_verdict_that_was_stored_is_judged_anew_from_the_draws():
    """`converged` of a fit whose draws were exchanged says nothing of them."""
    fitted = fit_of({"a": put(A, np.s_[2], A[2] + 1.0)})
    fitted.attrs |= {"converged": 1, "failures": "[]", "max_r_hat": 1.001}
    facts = judged(fitted)
    assert not facts.converged
    assert "R-hat" in facts.failures[0]
    assert fitted.attrs["max_r_hat"] > 1.1


def test_a_loaded_fit_carries_no_verdict_of_other_draws(tmp_path):
    """So that no prior, and no joint model, is made of a fit that only says that it converged."""
    fitted = fit_of({"a": put(A, np.s_[2], A[2] + 1.0)})
    fitted.attrs |= {"spec": ModelSpec("user", "?", quantities={"a": {"unit": "1", "meaning": "a"}}).to_json()}
    gate(fitted)
    fitted.attrs |= {"converged": 1, "failures": "[]", "max_r_hat": 1.001, "judged": "of another fit"}
    save(fitted, tmp_path / "fit.nc")
    with pytest.raises(SocbayesError, match=r"did not converge: .*R-hat"):
        prior_from(load(tmp_path / "fit.nc"), {"a": "identity"})


def test_what_a_fit_said_against_itself_stays_said():
    fitted = fit_of({"a": A})
    fitted.attrs |= {"converged": 0, "failures": json.dumps(["the sampler ran out of memory"])}
    assert judged(fitted).failures == ("the sampler ran out of memory",)
    assert judged(fitted).failures == ("the sampler ran out of memory",)


def test_a_verdict_of_these_very_draws_is_believed(monkeypatch):
    fitted = fit_of({"a": A})
    gate(fitted)
    monkeypatch.setattr(diagnostics, "gate", lambda _: pytest.fail("judged twice"))
    assert judged(fitted).converged


@pytest.mark.parametrize("group", ["posterior", "sample_stats", "observed_data", "posterior_predictive"])
def test_the_fingerprint_is_of_all_that_is_judged(group):
    fitted = fit_of({"a": A}, **replicated(DATA, 1850.0, 200.0))
    before = fingerprint(fitted)
    name = {"posterior": "a", "sample_stats": "energy"}.get(group, "carbon")
    held = fitted[f"{group}/{name}"].to_numpy().copy()
    held.flat[3] += 1e-9 * (1 + abs(held.flat[3]))
    fitted[f"{group}/{name}"] = fitted[f"{group}/{name}"].copy(data=held)
    assert fingerprint(fitted) != before


def test_a_thinned_posterior_keeps_its_verdict_and_its_numbers():
    fitted = with_attrs(fit_of({"a": autocorrelated(0.6, draws=200)}), thinned_from=2000, converged=1, failures="[]")
    del fitted["sample_stats"]
    fitted.attrs |= {"max_r_hat": 1.002, "min_ess_bulk": 900.0, "min_ess_tail": 800.0, "divergences": 0}
    assert judged(fitted).converged
    assert fitted.attrs["min_ess_bulk"] == 900.0
    fitted["posterior/a"] = fitted["posterior/a"].copy(data=put(fitted["posterior/a"].to_numpy(), (0, 3), np.nan))
    assert not judged(fitted).converged


def test_every_check_is_in_the_catalogue_once_and_in_the_order_it_is_read():
    assert list(CHECKS) == list(CATALOGUE)
    for kind in CATALOGUE.values():
        assert kind.asks.endswith("?")
        assert kind.means.endswith(".")
        assert not kind.helps.endswith(".")


def test_names_in_a_verdict_are_explained_and_say_how_many_draws_would_do():
    """`treatment_ratio_half` is a name of no table; what it works for is."""
    fitted = fit_of({"treatment_ratio": A, "treatment_ratio_half": autocorrelated(0.9)[..., None] + np.zeros(2)})
    quantities = {"treatment_ratio": {"unit": "1", "meaning": "log input over rate of a treatment"}}
    fitted.attrs["spec"] = ModelSpec("field", "?", quantities=quantities).to_json()
    gate(fitted)
    said = " ".join(json.loads(fitted.attrs["failures"]))
    assert "a working number behind treatment_ratio (log input over rate of a treatment)" in said
    assert "[x 0]" in said
    assert re.search(r"about draws=\d+00 would be enough", said)


def test_the_page_on_checks_says_what_the_catalogue_says():
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [section.split()[0] for section in sections] == list(CATALOGUE)
    for section, kind in zip(sections, CATALOGUE.values(), strict=True):
        said = " ".join(section.split())
        assert f"({'gate' if kind.gate else 'informs'})" in said
        for text in (kind.asks, kind.means, f"What helps: {kind.helps}."):
            assert text in said


def with_densities(prior_spread: float) -> xr.DataTree:
    """A fit with densities of two priors, that of `a` of a given spread over the draws, and of its data."""
    density = {"a": (("chain", "draw"), prior_spread * -0.5 * A**2), "b": (("chain", "draw"), 0 * A)}
    likelihood = -0.5 * (A[..., None] - np.linspace(-1, 1, 12)) ** 2
    groups = {
        "log_prior": xr.Dataset(density),
        "log_likelihood": xr.Dataset({"carbon": (("chain", "draw", "obs"), likelihood)}),
    }
    return fit_of({"a": A, "b": normal(2)}, **groups)


def test_sensitivity_to_uniform_priors_is_one_line_and_no_traceback(caplog):
    """The density of a uniform prior is the same everywhere: it has no strength to change."""
    result = check(with_densities(0.0))["prior_sensitivity"]
    assert result.verdict == "not run"
    assert result.text == "Not run: every prior is uniform (a and b), and has no strength that could be changed."
    assert "Traceback" not in caplog.text


def test_sensitivity_is_judged_by_the_priors_that_are_not_uniform():
    assert check(with_densities(1.0))["prior_sensitivity"].verdict == "for information"


def test_a_check_that_breaks_says_in_one_line_what_could_not_be_judged(caplog):
    fitted = with_densities(1.0)
    fitted["log_likelihood/carbon"] = fitted["log_likelihood/carbon"].astype(str)
    for result in check(fitted).values():
        assert "\n" not in result.text
    assert check(fitted)["loo"].text.startswith("Not judged: How well is an observation predicted from the others")
    assert "Traceback" not in caplog.text


def test_a_failed_fit_marks_the_scenarios_of_a_summary():
    draws = xr.DataArray(
        np.random.default_rng(1).normal(size=(2, 50)) + np.arange(2)[:, None],
        dims=("scenario", "sample"),
        coords={"scenario": ["plain", "raised"]},
    )
    for converged in (True, False):
        gain = ScenarioComparison("toy", "carbon", "g/kg", draws, "plain", "a new study", converged)
        said = scenario_numbers(gain)
        assert said["converged"] is converged
        assert bool(said["notes"]) is not converged
        assert gain.table["converged"].tolist() == [int(converged)] * 2
        assert gain.text[0].endswith("do not use them.") is not converged
