"""Figures: every function draws what it says, in units, and leaves matplotlib as it was."""

from __future__ import annotations

import json
from functools import cache, partial

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import socbayes as sb
from socbayes import plots
from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.models.cue.figures import least_squares
from socbayes.plots.style import intervals, panel, readable, rows_of
from socbayes.report.readings import material, readings_of
from socbayes.scenarios import ScenarioComparison
from socbayes.spec import ModelSpec, describe_table
from socbayes.vocabulary import INTERVAL_NAME

CHAINS, DRAWS = 4, 250


def tree(model: str, posterior: dict, observed: dict, coords: dict, spec: ModelSpec, **attrs) -> xr.DataTree:
    """A fit made of numbers from a generator: what a report needs, without sampling."""
    rng = np.random.default_rng(7)
    shape = (CHAINS, DRAWS)
    groups = {
        "posterior": xr.Dataset(
            {
                name: (
                    ("chain", "draw", *dims),
                    np.asarray(mean) + sd * rng.standard_normal((*shape, *(len(coords[dim]) for dim in dims))),
                )
                for name, (dims, mean, sd) in posterior.items()
            },
            coords={"chain": range(CHAINS), "draw": range(DRAWS)}
            | {dim: coords[dim] for dims, *_ in posterior.values() for dim in dims},
        ),
        "sample_stats": xr.Dataset(
            {
                "diverging": (("chain", "draw"), np.zeros(shape, dtype=bool)),
                "energy": (("chain", "draw"), rng.standard_normal(shape)),
            }
        ),
    }
    if observed:
        groups["observed_data"] = xr.Dataset(
            {name: (dims, values) for name, (dims, values) in observed.items()},
            coords={dim: coords[dim] for dims, _ in observed.values() for dim in dims},
        )
    fitted = xr.DataTree.from_dict(groups)
    fitted.attrs = {
        "model": model,
        "spec": spec.to_json(),
        "complete": 1,
        "converged": 1,
        "failures": "[]",
        "max_r_hat": 1.001,
        "min_ess_bulk": 900.0,
        "min_ess_tail": 800.0,
        "min_energy_fraction": 0.9,
        "divergences": 0,
        "seed": 1,
        "draws": DRAWS,
        "tune": 100,
        "chains": CHAINS,
        "parameters": 12,
        "compile_seconds": 1.0,
        "sampling_seconds": 2.0,
        "after_seconds": 3.0,
        "created": "2026-01-01T00:00:00+00:00",
        "versions": json.dumps({"python": "3.13.0", "pymc": "6.4.0"}),
    } | attrs
    return fitted


def spec_for(model: str, **tables: str) -> ModelSpec:
    module = getattr(sb.models, model)
    priors = tuple(module.prior_table().reset_index().astype(str).to_dict("records"))
    return ModelSpec(
        model=model,
        question="What is asked?",
        tables={role: describe_table(sb.load_dataset(name)) for role, name in tables.items()},
        quantities=getattr(module, "QUANTITIES", {}),
        observed={"cue": ("logit_cue",), "priming": ("log_ratio",), "mcp": ("pair_log_ratio",)}.get(model, ()),
        priors=priors,
        notes=("3 of 9 studies state no clay; it is integrated out for them.",),
    )


def cue_fit(sign: float = 1.0, **attrs) -> xr.DataTree:
    """Fit of the CUE model; ``sign=-1`` turns every slope round."""
    table = sb.load_dataset("cue")
    methods = ["metabolic_flux", "substrate_label", "tracer_growth", "water_18O"]
    ecosystems = ["cropland", "forest", "grassland"]
    studies = ["Devevre & Horwath 2000", "Frey et al. 2013", "Steinweg et al. 2008"]
    causes = ["method", "substrate", "ecosystem", "temperature within studies", "incubation time", "study", "scatter"]
    coords = {
        "measurement_method": methods,
        "ecosystem": ecosystems,
        "study_with_temperatures": studies,
        "cause": causes,
        "timed_method": ["substrate_label", "water_18O"],
        "obs": table["observation"].tolist(),
    }
    cue = np.clip(table["carbon_use_efficiency"].to_numpy(), 0.005, 0.995)
    return tree(
        "cue",
        {
            "level": (("measurement_method",), [0.9, 0.0, -1.4, -0.9], 0.1),
            "slope_mean": ((), -0.02 * sign, 0.005),
            "slope_method": (("measurement_method",), -0.02 * sign, 0.01),
            "study_slope": (("study_with_temperatures",), -0.03 * sign, 0.01),
            "slope_between": ((), -0.02 * sign, 0.02),
            "temperature_slope": (("measurement_method",), -0.005 * sign, 0.002),
            "cue_by_method": (("measurement_method",), [0.7, 0.5, 0.2, 0.3], 0.03),
            "cue_by_method_and_ecosystem": (("measurement_method", "ecosystem"), 0.4, 0.03),
            "spread_share": (("cause",), [0.2, 0.15, 0.02, 0.02, 0.1, 0.4, 0.11], 0.005),
            "time_effect": (("timed_method",), -0.05, 0.02),
        },
        {"logit_cue": (("obs",), np.log(cue / (1 - cue)))},
        coords,
        spec_for("cue", table="cue", gradient="cue_temperature_gradient"),
        **attrs,
    )


def priming_fit(sign: float = 1.0, **attrs) -> xr.DataTree:
    """Fit of the priming model; ``sign=-1`` turns every effect round."""
    table = sb.load_dataset("priming_endpoints")
    soils = sorted(table["soil"].unique())
    coords = {"soil": soils, "soil_with_nitrogen": soils[:4], "jar": table["jar"].astype(str).tolist()}
    ratio = np.log((table["native_co2_treated"] / table["native_co2_control"]).to_numpy())
    level = sign * 0.5
    fitted = tree(
        "priming",
        {
            "level": ((), level, 0.1),
            "dose": ((), sign * 0.2, 0.05),
            "dose_effect": ((), sign * 0.2, 0.05),
            "nitrogen_mean": ((), sign * 0.4, 0.05),
            "nitrogen_effect": ((), sign * 0.4, 0.05),
            "nitrogen_effect_by_soil": (("soil_with_nitrogen",), sign * 0.4, 0.1),
            "study_sd": ((), 0.3, 0.02),
            "soil_sd": ((), 0.1, 0.01),
            "priming_log_ratio": ((), level, 0.1),
            "priming_log_ratio_by_soil": (("soil",), level, 0.1),
            "priming_log_ratio_new_study": ((), level, 0.2),
            "priming_percent_new_study": ((), sign * 60, 15.0),
        },
        {"log_ratio": (("jar",), ratio)},
        coords,
        spec_for("priming", table="priming_endpoints"),
        **attrs,
    )
    scatter = -1.6 + 0.1 * np.random.default_rng(12).standard_normal((CHAINS, DRAWS))
    held = fitted["posterior"].to_dataset()
    fitted["posterior"] = held.assign(scatter_log_mean=(("chain", "draw"), scatter))
    return fitted


def mcp_fit(sign: float = 1.0, **attrs) -> xr.DataTree:
    """Fit of the pump model; ``sign=-1`` turns every effect round."""
    table = sb.load_dataset("necromass_pairs")
    practices = sorted(table["practice"].unique())
    coords = {
        "practice": practices,
        "response": ["necromass", "soil_organic_carbon"],
        "ecosystem": ["cropland", "forest", "grassland", "wetland"],
        "pair": table["observation"].astype(str).tolist(),
    }
    pairs = np.column_stack(
        [
            np.log((table[f"{name}_treatment"] / table[f"{name}_control"]).to_numpy())
            for name in ("necromass", "soil_organic_carbon")
        ]
    )
    return tree(
        "mcp",
        {
            "log_ratio": (("practice", "response"), [sign * 0.2, sign * 0.1], 0.04),
            "log_ratio_new_study": (("practice", "response"), [sign * 0.2, sign * 0.1], 0.15),
            "log_ratio_share": (("practice",), sign * 0.1, 0.04),
            "efficacy_change": (("practice",), sign * 0.03, 0.01),
            "necromass_share": (("ecosystem",), [0.4, 0.3, 0.43, 0.36], 0.02),
            "necromass_share_mean": (("ecosystem",), [0.5, 0.36, 0.5, 0.45], 0.03),
            "study_effect_sd": (("response",), 0.15, 0.01),
        },
        {"pair_log_ratio": (("pair", "response"), pairs)},
        coords,
        spec_for("mcp", table="necromass_pairs", levels="necromass_levels"),
        **attrs,
    )


def field_fit(sign: float = 1.0, *, treatments: int = 3, **attrs) -> xr.DataTree:
    """Fit of field plots; ``sign=-1`` turns every effect round."""
    coords = {
        "treatment": [f"treatment {k}" for k in range(treatments)],
        "constant": ["k_dpm", "k_rpm", "k_hum"],
        "site": ["here", "there"],
        "pool": ["decomposable", "resistant", "humus"],
    }
    effects = {
        "rate_effect": (("treatment",), sign * np.linspace(-0.3, 0.3, treatments), 0.05),
        "treatment_input": (("treatment",), sign * np.linspace(-0.5, 0.5, treatments), 0.05),
    }
    posterior = {
        "rate_constant": (("constant",), sign * np.array([0.0, 0.3, 0.6]), 0.1),
        "initial_share": (("site", "pool"), [0.1, 0.3, 0.6], 0.01),
    }
    posterior |= effects if treatments > 1 else {}
    return tree("field", posterior, {}, coords, spec_for("field", obs="field_soc"), **attrs)


def joint_fit(**attrs) -> xr.DataTree:
    """Fit of what literatures share."""
    names = list(sb.models.joint.SHARED)
    posterior = {name: ((), 0.4, 0.02) for name in names} | {f"{name}_common": ((), -0.5, 0.1) for name in names}
    posterior["conflict_sd"] = (("parameter",), [0.6, 0.4, 0.3, 0.2], 0.01)
    return tree("joint", posterior, {}, {"parameter": names}, spec_for("joint"), **attrs)


def soil_incubation_fit(sign: float = 1.0, **attrs) -> xr.DataTree:
    """Fit of one incubation; ``sign=-1`` lets its carbon grow."""
    posterior = {name: ((), 0.1, 0.01) for name in ("k1", "k2", "fast_rate")} | {"slow_rate": ((), sign * 0.01, 0.001)}
    spec = spec_for("soil_incubation", table="soil_incubation_cumulative")
    return tree("soil_incubation", posterior, {}, {}, spec, **attrs)


def comparison(sign: float = 1.0, *, converged: bool = True, unit: str = "percent") -> ScenarioComparison:
    """Two scenarios of which the second lies above the first, or below for ``sign=-1``."""
    rng = np.random.default_rng(3)
    base = rng.normal(10, 3, 800)
    draws = xr.DataArray(
        np.stack([base, base + sign * rng.normal(5, 1, 800)]),
        dims=("scenario", "sample"),
        coords={"scenario": ["plain", "changed"]},
    )
    return ScenarioComparison("priming", "change of native CO2", unit, draws, "plain", "a new study", converged)


@cache
def stored(name: str) -> xr.DataTree:
    """A bundled posterior, read once: forecasts are kept by the fit they are of."""
    return sb.load_posterior(name)


FITS = {"cue": cue_fit, "priming": priming_fit, "mcp": mcp_fit}
FITS |= {"field": field_fit, "joint": joint_fit, "soil_incubation": soil_incubation_fit}
FITS |= {name: partial(stored, name) for name in ("cue_process", "mcp_process", "priming_process")}
MATERIAL = cache(lambda model: material(FITS[model]()))
DRAWINGS = [(model, one) for model, make in FITS.items() for one in readings_of(make())]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_every_study_of_jars_is_drawn():
    studies = np.array([f"study {k}" for k in range(9)])
    priming = np.random.default_rng(0).normal(np.arange(9.0), 1.0, (50, 9))
    data = {"priming": (("sample", "treatment"), priming), "observed": ("treatment", np.arange(9.0))}
    figure = plots.priming_of_jars(xr.Dataset(data, coords={"study": ("treatment", studies)}))
    assert figure.axes[0].get_legend_handles_labels()[1] == studies.tolist()


@pytest.mark.parametrize(("model", "reading"), DRAWINGS, ids=[f"{model}:{one.title}" for model, one in DRAWINGS])
def test_figure_names_what_its_marks_mean(model, reading):
    before = dict(matplotlib.rcParams)
    figure = reading.draw(MATERIAL(model)(reading))
    assert isinstance(figure, Figure)
    text = words(figure)
    # Sectors are probabilities and ellipses regions; everything else draws intervals.
    share = f"{INTERVAL_NAME.split(' %')[0]} %"
    named = {
        "The plane of necromass and organic carbon": "no practical change",
        "Each practice in the plane": f"ellipse with {share}",
        "Sectors to expect in a new study": "no practical change",
        "Sectors to expect after 10, 30 and 100 years, new study": "no practical change",
        "What the data told of each lever": "prior variance",
    }
    assert named.get(reading.title, INTERVAL_NAME) in text
    assert any(
        unit in text for unit in ("(1)", "(1/°C)", "(1/day)", "(%)", "(fraction)", "percentage points", "(µg C/g)")
    )
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in figure.canvas.__class__.__module__
    text_stays_inside(figure)


def text_stays_inside(figure: Figure) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    frame = figure.bbox.padded(2)
    renderer = canvas.get_renderer()
    axes = figure.findobj(lambda artist: hasattr(artist, "get_xticklabels"))
    ticks = [tick for ax in axes for tick in (*ax.get_xticklabels(which="both"), *ax.get_yticklabels(which="both"))]
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_text().strip() and text.get_visible():
            box = text.get_window_extent(renderer)
            if any(text is tick for tick in ticks):
                continue  # ticks beyond the limits of an axis are there but not drawn
            assert frame.contains(box.x0, box.y0), text.get_text()
            assert frame.contains(box.x1, box.y1), text.get_text()


@pytest.mark.parametrize(
    "draw", [plots.cue_by_method_and_ecosystem, plots.temperature_slopes, plots.spread_shares], ids=lambda f: f.__name__
)
def test_single_panel_draws_into_axes_of_the_caller(draw):
    mine = Figure()
    ax = mine.subplots()
    assert draw(cue_fit(), ax=ax) is mine
    assert ax.get_xlabel()


def test_figures_do_without_the_table_and_the_data():
    """A user's own table is not at hand, and an interrupted run holds no data: parameters are drawn all the same."""
    for make, draws in (
        (cue_fit, [plots.cue_by_method_and_ecosystem, plots.temperature_slopes]),
        (priming_fit, [plots.priming_by_dose, plots.priming_by_soil]),
        (mcp_fit, [plots.pump_plane, plots.pump_practices]),
    ):
        full = make()
        bare = xr.DataTree.from_dict({name: full[name].to_dataset() for name in ("posterior", "sample_stats")})
        bare.attrs = {"model": full.attrs["model"]}
        for draw in draws:
            assert isinstance(draw(bare), Figure)


def test_notebook_shows_a_figure():
    assert plots.spread_shares(cue_fit())._repr_png_().startswith(b"\x89PNG")


def test_scenario_figure_shows_differences_in_units():
    figure = plots.scenario_differences(comparison())
    text = words(figure)
    assert INTERVAL_NAME in text
    assert "change of native CO2 (percent)" in text
    assert "percentage points" in text
    assert "in a new study" in text


def field_forecast(treatments=("grass", "grass", "arable"), **attrs):
    """Two plots over three years, the second of which begins later."""
    rng = np.random.default_rng(1)
    known = 50.0 + rng.normal(0.0, 2.0, (40, 2, 3, 2))
    known[:, 1, 0] = np.nan
    measured = {"measured_plot": ["a", "b", "b"], "measured_year": [2000.0, 2001.0, 2002.0],
                "measured_fraction": ["total", "total", "particulate"]}  # fmt: skip
    return xr.Dataset(
        {
            "known": (("sample", "plot", "year", "fraction"), known),
            "treatment": (("plot", "year"), [treatments, ["arable"] * 3]),
            "measured": ("measurement", [49.0, 51.0, 8.0]),
        },
        coords={"plot": ["a", "b"], "year": [2000.0, 2001.0, 2002.0], "fraction": ["total", "particulate"]}
        | {name: ("measurement", values) for name, values in measured.items()},
        attrs={"converged": 1} | attrs,
    )


def test_field_plots_show_samples_intervals_and_changes_of_treatment():
    figure = plots.field_plots(field_forecast())
    text = words(figure)
    assert f"bands: {INTERVAL_NAME}, darker 50 %" in text
    assert "organic carbon (t/ha)" in text
    assert "DID NOT CONVERGE" not in text
    first, second = figure.axes
    assert [one.get_text().strip() for one in first.texts] == ["grass", "arable"]
    assert [one.get_text().strip() for one in second.texts] == ["arable"]
    assert second.texts[0].xy[0] == 0.0, "a name alone has the width of the panel"
    lines = {line.get_label(): line for line in second.lines}
    begun = np.isfinite(lines["median"].get_ydata())
    assert lines["median"].get_xdata()[begun].min() == 2001.0, "a plot begins with its first sample"
    assert lines["measured"].get_xydata().tolist() == [[2001.0, 51.0]]
    alone = plots.field_plots(field_forecast(("arable",) * 3), plots=["b"], fraction="particulate")
    assert "particulate carbon (t/ha)" in words(alone)
    assert not alone.axes[0].texts


def test_field_plots_say_what_is_not_there_and_what_failed():
    with pytest.raises(UnknownNameError, match="no plot named 'c'"):
        plots.field_plots(field_forecast(), plots=["c"])
    with pytest.raises(UnknownNameError, match="did you mean 'particulate'"):
        plots.field_plots(field_forecast(), fraction="particulates")
    with pytest.raises(SocbayesError, match="names none"):
        plots.field_plots(field_forecast(), plots=[])
    before = field_forecast().sel(year=[2000.0])
    assert not plots.field_plots(before, plots=["b"]).axes[0].texts, "nothing is known before its first sample"
    failed = plots.field_plots(field_forecast(converged=0, failures="R-hat 1.2"))
    assert "THIS FIT DID NOT CONVERGE" in words(failed)


def test_calibration_figure_names_what_leaves_the_band():
    ranks = np.random.default_rng(1).integers(0, 100, (2, 150)).astype("float64")
    data = {"fine": ("simulation", ranks[0]), "too narrow": ("simulation", np.where(ranks[1] < 50, 2.0, 97.0))}
    attrs = {"ranked_draws": 99, "model": "toy", "failures": 3}
    figure = plots.calibration_ecdf(xr.Dataset(data, attrs=attrs))
    text = words(figure)
    assert "too narrow" in text
    assert "fine" not in text
    assert "150 simulations, 3 failed; 1 of 2 quantities outside the band" in text


def test_least_squares_recovers_a_line():
    table = sb.load_dataset("cue").head(5).copy()
    temperature = np.array([5.0, 10.0, 15.0, 20.0, 25.0])
    table["incubation_temperature"] = temperature
    table["carbon_use_efficiency"] = 1 / (1 + np.exp(0.04 * (temperature - 15)))
    slope, error = least_squares(table)
    assert slope == pytest.approx(-0.01)
    assert error == pytest.approx(0, abs=1e-10)
    assert np.isnan(least_squares(table.head(1))[0])


def test_open_marks_say_that_nothing_was_measured():
    _, ax = panel(None, 2)
    places = rows_of(ax, ["a", "b"])
    intervals(ax, np.random.default_rng(0).normal(size=(50, 2)), places, filled=[True, False])
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert faces[1] == "white"
    assert faces[0] != "white"


def test_names_are_readable():
    assert readable("plant_diversity") == "plant diversity"
