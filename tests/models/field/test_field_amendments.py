"""Amendments of field plots, each with a quality of its own."""

from __future__ import annotations

from dataclasses import replace

import farm
import numpy as np
import pandas as pd
import pytest
import spread
from laid import lay_out

import socbayes as sb
from socbayes.core.structure import StructureError
from socbayes.errors import TableFaultsError
from socbayes.inference.fit import fit
from socbayes.models import field
from socbayes.models.field.amendments import drawn_qualities, kinds_of, of_amendments
from socbayes.models.field.runs import trajectories
from socbayes.structures import get, list_structures
from socbayes.structures.amendments import (
    CHAR,
    CHAR_DECAY,
    CHAR_SPREAD,
    MANURE,
    QUALITIES,
    quality_table,
    with_amendments,
)
from socbayes.vocabulary import AMENDMENTS, CI_PROB

TAIL = (1.0 - CI_PROB) / 2.0


def at_a_point(model) -> float:
    """Log density of a model at a point near where it starts."""
    return density_at(model, near_the_start(model))


def near_the_start(model) -> dict[str, np.ndarray]:
    """A point near where a model starts."""
    return {name: value + 0.05 for name, value in model.initial_point().items()}


def density_at(model, point) -> float:
    """Log density of a model at a point."""
    return float(model.compile_logp(mode="FAST_COMPILE")(point))


def mean_of_plots(model, point) -> float:
    """Mean over plots of the log of input over rate that plots and their treatments have of their own."""
    own = [model[name] for name in ("plot_input", "treatment_input", "rate_effect")]
    given = model.compile_fn(model.replace_rvs_by_values(own), inputs=model.value_vars, mode="FAST_COMPILE",
                             on_unused_input="ignore")  # fmt: skip
    of_plots, treatment, rate = given(point)
    treated = farm.plots().drop_duplicates("plot")["treatment"].map(list(model.coords["treatment"]).index)
    return float(of_plots.mean() + (treatment - rate)[treated].mean())


def amended(**kinds: tuple[str, float]) -> pd.DataFrame:
    """Management of the farm, with an amendment by treatment."""
    name = {treatment: kind for treatment, (kind, _) in kinds.items()}
    amount = {treatment: carbon for treatment, (_, carbon) in kinds.items()}
    table = farm.management()
    return table.assign(amendment=table["treatment"].map(name), amendment_carbon_input=table["treatment"].map(amount))


def manured() -> pd.DataFrame:
    """Management of the farm, with manure on one treatment."""
    table = farm.management()
    return table.assign(manure_carbon_input=np.where(table["treatment"] == "cover", 1.5, 0.0))


# Computed before amendments had qualities.
@pytest.mark.parametrize(
    ("structure", "manure", "before"),
    [
        ("rothc", False, 2.3407646766474564),
        ("rothc", True, -18.100327410341166),
        ("icbm", False, 8.321084966907764),
        ("icbm", True, -3.6175087032313766),
    ],
)
def test_models_without_amendments_have_the_density_they_had(structure, manure, before):
    table = manured() if manure else farm.management()
    model = field.build(farm.plots(clay=20.0), table, farm.weather(), structure=structure)
    point = near_the_start(model)
    spread = np.exp(point["plot_stock_sd_log__"])
    # Then first stocks were four numbers over the root of their spread; now these are three, and there is their mean.
    point |= {"plot_stock_apart_half": np.zeros(3), "plot_stock_mean_standardised": np.array([0.1 / np.sqrt(spread)])}
    # Then the level of inputs moved with the rates of the site alone; now with its treatments and plots as well.
    point["input_level_shifted"] = point["input_level_shifted"] + mean_of_plots(model, point)
    assert density_at(model, point) == pytest.approx(before + 0.5 * np.log(spread), rel=1e-11)
    assert "amendment" not in model.coords


def test_farmyard_manure_alone_is_the_manure_of_the_structure():
    obs, weather = farm.plots(clay=20.0), farm.weather()
    named = field.build(obs, amended(cover=(MANURE, 1.5), usual=(MANURE, 0.0)), weather)
    assert at_a_point(named) == pytest.approx(at_a_point(field.build(obs, manured(), weather)), rel=1e-11)


def test_published_manure_of_rothc_is_a_quality_as_any_other():
    rothc, times = get("rothc"), np.arange(0, 121, 12)
    drivers, parts = {"plant_input": 0.1, "rate_modifier": 0.5}, {"dpm": 0.1, "rpm": 4.0, "bio": 0.7, "hum": 30.0}
    published = sb.simulate(rothc, drivers | {"manure_input": 0.2}, initial=parts, times=times)
    ours = sb.simulate(
        with_amendments(rothc, [MANURE]), drivers | {f"{MANURE}_input": 0.2}, parameters={f"{MANURE}_humified": 0.02},
        initial=parts, times=times,
    )  # fmt: skip
    for pool in rothc.pools:
        np.testing.assert_allclose(ours[pool], published[pool], rtol=1e-12)


@pytest.mark.parametrize("name", list_structures())
def test_all_that_is_spread_enters_pools_of_every_structure(name):
    structure = get(name)
    run = with_amendments(structure, AMENDMENTS)
    entering = {flow.target for flow in run.trace.flows[len(structure.trace.flows) :] if flow.source == "input"}
    declared = {pool for entry in ("labile", "resistant", "humified") for pool in structure.entries[entry]}
    assert entering == declared | {CHAR}
    values = {v: 0.3 for v in (*run.trace.x, *run.trace.p, *run.trace.u)}
    values |= dict.fromkeys(run.trace.p[-2 * len(AMENDMENTS) :], 0.4)
    new = [flow.rate for flow in run.trace.flows[len(structure.trace.flows) :] if flow.source == "input"]
    total = sum(float(rate.eval({v: values[v] for v in values if v in _leaves(rate)})) for rate in new)
    assert total == pytest.approx(0.4 * 0.3 * len(AMENDMENTS))


def _leaves(rate):
    from pytensor.graph.traversal import ancestors

    return [v for v in ancestors([rate]) if v.owner is None and v.name]


def test_char_of_rothc_is_counted_as_inert_and_persists():
    table = amended(cover=("biochar", 5.0), usual=("straw", 0.0))
    after = table[table["treatment"] == "cover"].assign(start_year=2011.8, amendment_carbon_input=0.0)
    table.loc[table["treatment"] == "cover", "end_year"] = 2011.8
    table = pd.concat([table, after], ignore_index=True)
    data = lay_out(farm.plots(clay=20.0), table, farm.weather(), structure="rothc")
    assert data.forcing.amendments == ("biochar",)
    assert "biochar_input" not in data.forcing.means
    count, pools = len(data.plots.labels), len(data.setup.structure.pools)
    at = {
        "rate": np.zeros((count, 1)), "plant": np.zeros((count, 1)), "stock": np.full(count, np.log(40.0)),
        "manure": 0.0, "rate_constant": np.zeros(4), "log_share": np.zeros((count, pools)),
        "humified": np.array([0.97]), "amendment_level": np.zeros(1),
    }  # fmt: skip
    states = trajectories(data, at, np.array([0, 24, 120])).eval(mode="FAST_COMPILE")
    cover, inert = data.plots.labels.index("B1"), data.setup.structure.pools.index("iom")
    assert states.shape[-1] == len(data.setup.structure.state)
    gained = states[1:, cover, inert] - states[0, cover, inert]
    # A year of it at 5 t C/ha from the month of the first sample on: next to nothing is lost in two years, nor in ten.
    assert 4.6 < gained[0] < 4.85
    assert gained[1] == pytest.approx(gained[0] * np.exp(-8.0 * CHAR_DECAY), rel=1e-3)
    faster = trajectories(data, at | {"char_decay": 1.0}, np.array([24, 120])).eval(mode="FAST_COMPILE")
    left = faster[1, cover, inert] - states[0, cover, inert]
    begun = faster[0, cover, inert] - states[0, cover, inert]
    assert left == pytest.approx(begun * np.exp(-8.0 * CHAR_DECAY * np.exp(CHAR_SPREAD)), rel=1e-3)


def test_decay_of_char_is_learned_where_biochar_is_spread_and_drawn_where_a_plan_spreads_it():
    model = field.build(farm.plots(), amended(cover=("biochar", 5.0), usual=("straw", 0.0)), structure="icbm")
    assert "char_decay" in model.named_vars
    other = field.build(farm.plots(), amended(cover=("peat", 5.0), usual=("straw", 0.0)), structure="icbm")
    assert "char_decay" not in other.named_vars
    rng = np.random.default_rng(3)
    planned = drawn_qualities(("biochar",), {}, [], 4000, rng)
    assert planned["char_decay"].std() == pytest.approx(1.0, abs=0.05)
    learned = {name: planned[name] for name in planned} | {"char_decay": np.full(4000, 0.5)}
    assert "char_decay" not in drawn_qualities(("biochar",), learned, ["biochar"], 4000, rng)


def test_rows_of_amendments_add_up_with_manure_and_follow_who_says_first():
    rows = pd.DataFrame([
        {"treatment": "cover", "amendment": "peat", "amendment_carbon_input": 2.0},
        {"treatment": "cover", "amendment": "straw", "amendment_carbon_input": 1.0, "manure_carbon_input": 0.5},
        {"plot": "B2", "amendment": "peat", "amendment_carbon_input": 0.0},
    ]).assign(site="Farm", start_year=2010.8, end_year=2021.8)  # fmt: skip
    table = pd.concat([farm.management(), rows], ignore_index=True)
    data = lay_out(farm.plots(), table, structure="icbm")
    assert data.forcing.amendments == ("straw", MANURE, "peat")
    spread_on = {
        kind: dict(zip(data.plots.labels, 10.0 * data.forcing.drivers[f"{kind}_input"].mean(axis=0), strict=True))
        for kind in data.forcing.amendments
    }
    assert [spread_on[kind]["B1"] for kind in data.forcing.amendments] == pytest.approx([1.0, 0.5, 2.0], rel=0.01)
    assert not any(spread_on[kind][plot] for kind in spread_on for plot in ("A1", "B2"))
    said = " ".join(data.notes)
    assert "straw, farmyard_manure and peat is learned about the published one" in said
    assert "Columns of manure are of farmyard manure, and add up with amendments." in said
    assert "Not used, as" not in said


def test_notes_tell_what_the_fit_has_from_what_a_plan_adds():
    fitted = amended(cover=("peat", 2.0), usual=("straw", 0.0))
    rothc = get("rothc")
    for structure, own in (
        (rothc, "rothc has a quality of manure of its own"),
        (get("icbm"), "icbm would take it for"),
    ):
        kinds = kinds_of(fitted, manured(), structure)
        said = list(of_amendments(fitted, manured(), structure, kinds))
        assert "The humified share of peat is learned about the published one." in said
        assert "The fit has seen no farmyard_manure: its humified share is drawn about the published one." in said
        assert any(note.startswith("Farmyard manure stands beside") and "0.20" in note and own in note for note in said)
    alone = of_amendments(manured(), None, rothc, kinds_of(manured(), None, rothc))
    assert not list(alone)


def test_biochar_of_before_the_first_sample_is_not_said_to_be_manure():
    table = amended(cover=("biochar", 5.0), usual=("straw", 0.0))
    early = table[table["treatment"] == "cover"].assign(start_year=2000.8, end_year=2009.8, plant_carbon_input=np.nan)
    notes = lay_out(farm.plots(), pd.concat([table, early], ignore_index=True), structure="icbm").notes
    said = "Biochar of before the first samples is taken for ordinary carbon of the soil: 1 row of the management table"
    assert any(note.startswith(said) for note in notes)
    assert not any(word in note for note in notes for word in ("for the manure of before", "Of the manure", "Not used"))
    assert not any("Manure of the trial" in note for note in notes)
    within = lay_out(farm.plots(), table, structure="icbm").notes
    assert not any("before the first samples" in note for note in within)
    # Where a structure does not tell amendments apart, it is manure as any other.
    own = replace(get("icbm"), name="own", entries={})
    plain = lay_out(farm.plots(), pd.concat([table, early], ignore_index=True), structure=own).notes
    assert any("Taken for the manure of before the first samples only: 1 row" in note for note in plain)


def test_amendments_go_on_as_in_the_last_years_unless_a_plan_says_otherwise():
    table = amended(cover=("peat", 2.0), usual=("straw", 0.0))
    data = lay_out(farm.plots(), table, structure="icbm", until=2030.0)
    peat = 10.0 * data.forcing.drivers["peat_input"][:, data.plots.labels.index("B1")]
    np.testing.assert_allclose(peat, 2.0)


def test_past_amendments_are_in_the_steady_state_of_the_past():
    table = amended(cover=("peat", 2.0), usual=("straw", 1.0)).assign(start_year=1980.8)
    means = lay_out(farm.plots(), table, structure="icbm").forcing.means
    # Thirty years before the first sample, on half of the plots.
    assert 10.0 * means["peat_input"][0] == pytest.approx(1.0)
    assert 10.0 * means["straw_input"][0] == pytest.approx(0.5)


def test_a_structure_that_does_not_say_where_amendments_enter_has_one_quality_for_all():
    table = amended(cover=("peat", 2.0), usual=("straw", 1.0))
    own = replace(get("icbm"), name="own", entries={})
    data = lay_out(farm.plots(), table, structure=own)
    assert data.forcing.amendments == ()
    assert farm.carbon_of(data)["B1"].mean() == pytest.approx(3.6 + 2.0)
    assert any("own does not say which pools amendments enter" in note for note in data.notes)
    with pytest.raises(StructureError, match="declare its entries"):
        with_amendments(own, ["peat"])


def test_entries_have_to_be_pools_and_complete():
    entries = dict(get("icbm").entries)
    for wrong, said in (
        ({"labile": ("yung",)}, "did you mean 'young'"),
        ({"labile": {"young": 0.5, "old": 0.2}}, "sum to 1"),
        ({"labile": ()}, "say nothing of labile"),
        ({"fresh": ("young",)}, "quality"),
        ({"labile": {"young": 0.5, "co3": 0.5}}, "did you mean 'co2'"),
    ):
        with pytest.raises(StructureError, match=said):
            replace(get("icbm"), entries=entries | wrong)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"amendment": "farmyard_manur", "amendment_carbon_input": 1.0}, "did you mean `farmyard_manure`"),
        ({"amendment": "peat"}, "amendment without carbon"),
        ({"amendment_carbon_input": 1.0}, "carbon of no amendment"),
    ],
)
def test_faults_of_amendments_are_told(columns, said):
    with pytest.raises(TableFaultsError, match=said):
        field.build(farm.plots(), farm.management(**columns), structure="icbm")


def test_every_amendment_has_a_quality_with_a_source():
    table = quality_table()
    assert tuple(table.index) == AMENDMENTS == tuple(QUALITIES)
    assert (table["lower"] < table["humified_share"]).all()
    assert (table["humified_share"] < table["upper"]).all()
    assert table["resistant_share"].between(0, 1).all()
    assert table["source"].str.len().gt(20).all()
    with pytest.raises(StructureError, match="did you mean 'peat'"):
        with_amendments(get("icbm"), ["pet"])


def test_what_a_fit_has_not_seen_is_drawn_about_the_published_quality():
    rng = np.random.default_rng(3)
    known = {"humified_share": np.full((4000, 1), 0.4), "amendment_level": np.zeros((4000, 1))}
    drawn = drawn_qualities(("peat", "compost"), known, ["peat"], 4000, rng)
    assert (drawn["humified_share"][:, 0] == 0.4).all()
    assert (drawn["amendment_level"][:, 0] == 0.0).all()
    low, high = np.quantile(drawn["humified_share"][:, 1], [TAIL, 1 - TAIL])
    wanted = quality_table().loc["compost", ["lower", "upper"]].astype(float)
    np.testing.assert_allclose([low, high], wanted, rtol=0.1)
    assert drawn_qualities((), {}, [], 10, rng) == {}


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A short fit to the trial of four amendments."""
    model = field.build(spread.observations(), spread.management())
    return fit(model, draws=250, tune=400, chains=2, seed=5, store=tmp_path_factory.mktemp("spread"), progress=False)


def test_humified_shares_and_inputs_come_back(trial):
    posterior = trial["posterior"].to_dataset()
    share = posterior["humified_share"]
    low, high = (share.quantile(q, ("chain", "draw")) for q in (TAIL, 1 - TAIL))
    for kind, truth in spread.HUMIFIED.items():
        assert float(low.sel(amendment=kind)) < truth < float(high.sel(amendment=kind)), kind
    level = np.exp(posterior["amendment_level"]).mean(("chain", "draw"))
    assert (abs(level - 1.0) < 0.16).all()
    plants = posterior["input_factor"].median(("chain", "draw"))
    # Peat is not taken for plants: those of its plot are what they are on the others.
    assert float(plants.max() / plants.min()) < 1.16


def test_what_is_no_longer_spread_does_not_go_on_as_slower_decay(trial):
    begin, years = spread.FIRST + spread.YEARS, np.array([20.0])
    plan = spread.management().drop(columns=["amendment", "amendment_carbon_input"])
    plan = plan.assign(start_year=float(begin), end_year=begin + 20.0)
    later = field.forecast(trial, years=[begin + 20.0], management=plan, draws=200)["known"].sel(fraction="total")
    for kind in spread.HUMIFIED:
        truth = spread.stocks(kind, spread.YEARS + years, stop=spread.YEARS)[0]
        low, high = np.quantile(later.sel(plot=kind), [TAIL, 1 - TAIL])
        assert low < truth < high, kind
    assert "go on as" not in later.attrs.get("notes", "")


def test_a_plan_may_spread_what_the_fit_has_not_seen(trial):
    begin = spread.FIRST + spread.YEARS
    plan = spread.management().assign(start_year=float(begin), end_year=begin + 20.0)
    plan["amendment"], plan["amendment_carbon_input"] = "compost", 2.0
    bare = plan.drop(columns=["amendment", "amendment_carbon_input"])
    with_compost, without = (
        field.forecast(trial, years=[begin + 20.0], management=table, draws=200, parts=True) for table in (plan, bare)
    )
    gain = (with_compost["known"] - without["known"]).sel(fraction="total").mean("sample")
    assert ((gain > 5.0) & (gain < 30.0)).all()  # of 40 t/ha spread
    assert "The fit has seen no compost" in with_compost.attrs["notes"]
    assert "compost" not in without.attrs["notes"]
    sums = with_compost["known_variance"].drop_sel(part="observation").sum("part").sel(fraction="total")
    np.testing.assert_allclose(sums, with_compost["known"].sel(fraction="total").var("sample"), rtol=1e-6)
