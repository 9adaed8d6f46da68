"""How crops share out their carbon: the model, what is bundled of it, and what management tables get from it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import socbayes as sb
from socbayes.datasets import load_dataset
from socbayes.errors import EmptyTableError, SocbayesError, TooFewGroupsError, UnknownNameError
from socbayes.facts import facts_of
from socbayes.models import root_inputs
from socbayes.models.field.crops import carbon_left
from socbayes.models.field.management import carbon_inputs, input_errors
from socbayes.models.root_inputs import allocated
from socbayes.models.root_inputs.baseline import ROOT, STRAW, lay_out
from socbayes.models.root_inputs.figures import crop_roots
from socbayes.models.root_inputs.readings import roots_told
from socbayes.models.root_inputs.scenarios import ratio
from socbayes.scenarios.draws import Draws
from socbayes.vocabulary import ALLOCATION_RATIOS

NITROGEN = "fertilizer_nitrogen"
GROUPS = {"wheat": "cereal", "maize": "cereal", "pea": "legume", "soybean": "legume"}
TRUTH = {
    "straw_to_product": {"wheat": 0.4, "maize": 0.1, "pea": 0.6, "soybean": 0.5},
    "root_to_shoot": {"wheat": -1.6, "maize": -2.0, "pea": -2.4, "soybean": -1.4},
    "rhizodeposit_to_root": {"wheat": -0.4, "maize": -0.7, "pea": 0.1, "soybean": -0.3},
}
POTTED, STRAW_SLOPE, STUDY_SD, SCATTER = 0.6, -0.3, 0.25, 0.1


def simulated(seed: int = 4) -> pd.DataFrame:
    """Ten studies of four crops, half of them in pots, with yields beside straw."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, by_crop in TRUTH.items():
        for study in range(10):
            potted = study % 2 == 1 and name == "root_to_shoot"
            of_study = STUDY_SD * rng.standard_normal()
            for crop, value in by_crop.items():
                relative = rng.uniform(-0.7, 0.7) if name == "straw_to_product" else 0.0
                log_ratio = (
                    value + of_study + POTTED * potted + STRAW_SLOPE * relative + SCATTER * rng.standard_normal()
                )
                rows.append(
                    {
                        "observation": f"{name}-{study}-{crop}",
                        "study": f"S{study}",
                        "crop": crop,
                        "crop_group": GROUPS[crop],
                        "allocation_ratio": name,
                        "carbon_ratio": np.exp(log_ratio),
                        "grown": "potted" if potted else "compiled",
                        "yield_dry_matter": 5 * np.exp(relative) if name == "straw_to_product" else np.nan,
                    }
                )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fitted():
    return sb.fit(
        root_inputs.build(simulated()), draws=400, tune=500, chains=2, cores=1, seed=2, climbs=0, progress=False
    )


def test_known_ratios_slopes_and_spreads_are_recovered(fitted):
    posterior = fitted["posterior"].to_dataset()
    mean, sd = (getattr(posterior["log_ratio"], of)(("chain", "draw")) for of in ("mean", "std"))
    for name, by_crop in TRUTH.items():
        for crop, value in by_crop.items():
            at = {"allocation_ratio": name, "crop": crop}
            assert abs(mean.sel(at).item() - value) < 3 * sd.sel(at).item()
            assert sd.sel(at).item() < 0.3
    assert posterior["grown_effect"].mean().item() == pytest.approx(POTTED, abs=0.35)
    slope = posterior["straw_yield_mean"] + posterior["straw_yield"].sel(crop_group="cereal")
    assert slope.mean().item() == pytest.approx(STRAW_SLOPE, abs=0.15)
    assert posterior["scatter"].sel(allocation_ratio="root_to_shoot", kind="compiled").mean().item() < 0.2


def test_new_studies_are_wider_than_known_ones_and_move_with_yield_and_nitrogen(fitted):
    new, known = (ratio(Draws(fitted, study), crop="wheat").centre for study in (None, "S1"))
    assert new.std() > 1.5 * known.std()
    straw = {"crop": "wheat", "allocation_ratio": "straw_to_product"}
    usual, high = (ratio(Draws(fitted), **straw, yield_dry_matter=dry).centre.mean() for dry in (5.0, 10.0))
    assert high < usual
    some, much = (ratio(Draws(fitted), crop="maize", fertilizer_nitrogen=dose) for dose in (90.0, 290.0))
    assert much.centre.mean() - some.centre.mean() == pytest.approx(-0.36, abs=0.06)
    assert some.assumed == ("allocation_ratio = root_to_shoot", "yield_dry_matter = 5.42")
    assert ratio(Draws(fitted), **straw, fertilizer_nitrogen=90.0).not_used == (
        "fertilizer_nitrogen, on which only roots over shoot depend",
    )


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({}, SocbayesError, "crop is not given"),
        ({"crop": "whet"}, UnknownNameError, "wheat"),
        ({"crop": "wheat", "allocation_ratio": "root_to_shot"}, UnknownNameError, "root_to_shoot"),
        ({"crop": "wheat", "yield_dry_matter": 0.0}, SocbayesError, "above zero"),
    ],
)
def test_settings_that_cannot_be_are_refused(fitted, settings, kind, said):
    with pytest.raises(kind, match=said):
        ratio(Draws(fitted), **settings)


def test_figure_and_sentence_of_a_fit(fitted):
    labels = [label.get_text() for label in crop_roots(fitted).axes[0].get_yticklabels()]
    assert labels[0] == "pea"
    assert labels[-1] == "soybean"
    assert "soybean has most root" in roots_told(fitted)


def test_the_gate_has_looked_at_the_fit(fitted):
    assert facts_of(fitted).judged


# --- what is laid out ---------------------------------------------------------------------------


def test_yields_are_relative_to_the_usual_one_of_their_crop():
    rows = lay_out(simulated())
    for crop in range(4):
        here = (rows.crop == crop) & (rows.ratio == STRAW)
        assert rows.relative[here].mean() == pytest.approx(0.0, abs=1e-12)
    assert not rows.relative[rows.ratio == ROOT].any()


def test_studies_differ_by_a_spread_of_their_ratio_and_kind():
    rows = lay_out(simulated())
    of_study = {label: int(place) for label, place in zip(rows.studies, rows.spread_of, strict=True)}
    assert of_study["straw_to_product: compiled: S0"] == 0
    assert of_study["root_to_shoot: compiled: S0"] == 2
    assert of_study["root_to_shoot: measured: S1"] == 3


def test_the_bundled_table_builds_and_says_what_it_does_not_tell():
    notes = root_inputs.build(load_dataset("crop_allocation_ratios")).socbayes_spec.notes
    assert any(note.startswith("No row states nitrogen") for note in notes)
    assert any("straw to product ratio of chickpea, safflower" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"carbon_ratio": 0.0}, SocbayesError, "above zero"),
        ({"crop_group": ["cereal", "cereal", "legume"] * 40}, SocbayesError, "one group is expected"),
        ({"allocation_ratio": "leaves"}, SocbayesError, "expected one of straw_to_product"),
        ({"study": "S"}, TooFewGroupsError, "holds 1 study"),
    ],
)
def test_tables_that_cannot_be_are_refused(change, kind, said):
    with pytest.raises(kind, match=said):
        root_inputs.build(simulated().assign(**change))


def test_an_empty_table_is_refused():
    with pytest.raises(EmptyTableError):
        root_inputs.build(simulated().iloc[:0])


# --- what is bundled ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "crop"),
    [
        ("wheat", "wheat"),
        ("Winter wheat", "wheat"),
        ("wheat, durum", "wheat"),
        ("maize, silage", "maize"),
        ("fodder beet", "sugar beet"),
        ("faba bean, spring", "faba bean"),
        ("cover crop", ""),
        ("wheat and clover", ""),
        ("winter", ""),
        ("field", ""),
        ("fodder", ""),
        ("sugar", ""),
        ("root crop", ""),
        ("oats", "oat"),
        ("Peas", "pea"),
        ("potatoes", "potato"),
        ("soybeans", "soybean"),
        ("dry beans", "bean"),
        ("Beets", "sugar beet"),
        ("sorghum, first crop", "sorghum"),
    ],
)
def test_names_of_crops_as_people_write_them(name, crop):
    assert allocated.crop_of(name) == crop


def test_an_unknown_crop_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean 'barley'"):
        root_inputs.carbon_by_part("barely", 4.0)


@pytest.mark.parametrize(
    ("crop", "grain"), [("wheat", 6.0), ("soybean", 2.5), ("pea", 2.0), ("maize, silage", 15.0), ("potato", 9.0)]
)
def test_centre_and_error_are_those_of_the_logarithm_of_draws(crop, grain):
    """Straw that all enters is a floor, so that the logarithm is skewed: limits differ from a normal's by some."""
    rng = np.random.default_rng(1)
    one, share = allocated.allocation_of(crop), allocated.entering_of(crop)
    mean, variance = allocated.log_moments(one, grain)
    drawn = np.exp(mean[:, None] + np.sqrt(variance)[:, None] * rng.standard_normal((3, 20_000)))
    straw = 0.0 if one.whole else drawn[0]
    total = share.straw * straw + (1 + straw) * drawn[1] * (share.roots + share.rhizodeposits * drawn[2])
    log = np.log(0.45 * grain * total)
    centre, error = root_inputs.plant_input(crop, grain)
    assert float(centre) == pytest.approx(np.exp(log.mean()), rel=0.03)
    assert float(error) == pytest.approx(log.std(), rel=0.03)
    limits = np.exp(np.log(float(centre)) + stats.norm.ppf([0.055, 0.945]) * float(error))
    assert limits == pytest.approx(np.exp(np.quantile(log, [0.055, 0.945])), rel=0.13)
    told = root_inputs.carbon_by_part(crop, grain, seed=1).loc["enters"]
    assert told["median"] == pytest.approx(np.exp(np.median(log)), rel=0.05)
    assert told[["lower", "upper"]].to_numpy() == pytest.approx(np.exp(np.quantile(log, [0.055, 0.945])), rel=0.08)


def test_roots_of_silage_are_those_of_maize_of_the_same_shoot():
    whole, grain = (
        root_inputs.carbon_by_part(crop, dry, seed=1).loc["roots", "median"]
        for crop, dry in (("maize silage", 18.5), ("maize", 8.45))
    )
    assert whole == pytest.approx(grain, rel=0.1)


def test_far_from_the_usual_yield_inputs_are_in_proportion_to_it():
    tiny, small, large, huge = root_inputs.plant_input("wheat", np.array([0.02, 0.2, 40.0, 80.0]))[0]
    assert tiny < 0.1
    assert small == pytest.approx(10 * tiny)
    assert huge == pytest.approx(2 * large)


def test_rows_far_from_the_usual_yield_are_named():
    table = management(yield_dry_matter=[0.02, 5.0])
    (note,) = [one for one in carbon_inputs(table)[2] if "in proportion" in one]
    assert note.endswith(": winter wheat at Farm (from 2010).")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("wheat", [4.0, 5.0]), "yield_dry_matter"),
        (("wheat", np.array([4.0, 5.0])), "yield_dry_matter"),
        (("wheat", "5"), "yield_dry_matter='5'"),
        (("wheat", np.nan), "yield_dry_matter=nan"),
        (("wheat", np.inf), "yield_dry_matter=inf"),
        (("wheat", -1.0), "yield_dry_matter=-1.0"),
        ((None, 5.0), "crop=None"),
    ],
)
def test_what_is_no_crop_and_no_yield_is_refused(given, said):
    with pytest.raises(SocbayesError, match=re.escape(said)):
        root_inputs.carbon_by_part(*given)


@pytest.mark.parametrize("nitrogen", [np.nan, -500.0, "much"])
def test_what_is_no_nitrogen_is_refused(nitrogen):
    with pytest.raises(SocbayesError, match="fertilizer_nitrogen"):
        root_inputs.carbon_by_part("wheat", 5.0, fertilizer_nitrogen=nitrogen)


@pytest.mark.parametrize("dry_matter", [np.inf, -1.0, "5"])
def test_inputs_of_no_yield_are_refused(dry_matter):
    with pytest.raises(SocbayesError, match="dry_matter"):
        root_inputs.plant_input("wheat", dry_matter)


def test_point_coefficients_are_those_of_the_crop_itself():
    assert np.isnan(carbon_left("bean", 3.0).coefficients)
    pairs = (
        ("oats", "oat, spring"),
        ("silage corn", "maize, silage"),
        ("beet", "beet, sugar"),
        ("corn", "maize, grain"),
    )
    for typed, known in pairs:
        assert carbon_left(typed, 3.0).coefficients == carbon_left(known, 3.0).coefficients


def test_stated_nitrogen_of_a_row_leaves_less_root():
    usual, much = (
        carbon_inputs(management(yield_dry_matter=5.0, **more)) for more in ({}, {NITROGEN: [np.nan, 250.0]})
    )
    assert much[0][0] == usual[0][0]
    assert much[0][1] < 0.9 * usual[0][1]
    assert [any(NITROGEN in note for note in one[2]) for one in (usual, much)] == [False, True]


def test_roots_of_a_fixed_amount_are_a_round_total_shared_out_by_a_factor():
    """As the limits of the record say."""
    table = load_dataset("crop_carbon_allocation").dropna(subset=["root_carbon_input", "carbon_share_roots"])
    total = table["root_carbon_input"] * (1 + table["carbon_share_rhizodeposits"] / table["carbon_share_roots"])
    assert len(total) > 5
    assert total.to_numpy() == pytest.approx(total.round(-1).to_numpy(), abs=0.01)


def test_parts_of_all_plant_carbon_add_up():
    parts = root_inputs.carbon_by_part("wheat", plant_carbon=8.0, seed=1)
    assert parts.loc["all", ["median", "lower", "upper"]].to_numpy() == pytest.approx(8.0)
    assert parts.loc[list(allocated.PARTS), "share"].sum() == pytest.approx(1.0, abs=0.05)


def test_a_new_study_is_wider_than_the_typical_one():
    new, typical = (root_inputs.carbon_by_part("wheat", 5.0, typical=of, seed=1) for of in (False, True))
    width = [np.log(one.loc["roots", "upper"] / one.loc["roots", "lower"]) for one in (new, typical)]
    assert width[0] > 1.3 * width[1]


def test_nitrogen_leaves_less_root():
    little, much = (
        root_inputs.carbon_by_part("wheat", 5.0, fertilizer_nitrogen=dose, seed=1) for dose in (20.0, 250.0)
    )
    assert much.loc["roots", "median"] < 0.8 * little.loc["roots", "median"]


def test_roots_grow_less_than_in_proportion_to_the_yield():
    carbon, _ = root_inputs.plant_input("soybean", np.array([1.5, 3.0]))
    assert 1.0 < carbon[1] / carbon[0] < 2.0


@pytest.mark.parametrize("given", [{}, {"yield_dry_matter": 5.0, "plant_carbon": 4.0}])
def test_one_of_yield_and_plant_carbon_is_needed(given):
    with pytest.raises(SocbayesError, match="give one of them"):
        root_inputs.carbon_by_part("wheat", **given)


def test_what_is_bundled_covers_every_crop_of_the_table():
    table = load_dataset("crop_allocation_ratios")
    assert set(root_inputs.known_crops()) == set(table["crop"])
    for crop in root_inputs.known_crops():
        median, error = root_inputs.plant_input(crop, allocated.allocation_of(crop).usual_yield)
        assert 0.01 < float(median) < 10
        assert 0.05 < float(error) < 1.5


def test_ratios_of_the_bundled_posterior_follow_its_table():
    """Medians of compiled ratios lie within what is expected of the typical study."""
    table = load_dataset("crop_allocation_ratios")
    for (crop, name), rows in table.groupby(["crop", "allocation_ratio"]):
        one, place = allocated.allocation_of(crop), ALLOCATION_RATIOS.index(name)
        away = np.log(rows["carbon_ratio"]).median() - one.log_ratio[place]
        assert abs(away) < 3.2 * np.hypot(one.log_sd[place], one.spread[place])


# --- what management gets from it ---------------------------------------------------------------


def management(**columns) -> pd.DataFrame:
    rows = {"site": "Farm", "start_year": [2010.0, 2011.0], "end_year": [2011.0, 2012.0], "crop": "winter wheat"}
    return pd.DataFrame(rows | columns)


def test_a_note_says_the_input_with_its_error_and_that_of_coefficients():
    table = management(yield_dry_matter=5.0)
    plant, _, notes = carbon_inputs(table)
    left = carbon_left("winter wheat", 5.0)
    assert plant == pytest.approx(float(left.carbon))
    (note,) = [one for one in notes if one.startswith("Carbon inputs follow from yields")]
    assert f"winter wheat as wheat {float(left.carbon):.2f} t C/ha a harvest" in note
    assert f"{float(left.coefficients):.2f} by point coefficients" in note
    assert "good to a factor of" in note
    common, study = input_errors(table)
    assert np.hypot(common, study) == pytest.approx(float(left.error))
    assert common == pytest.approx(float(left.common))
    assert (common < study).all(), "studies differ by more than the typical one is unsure"


def test_stated_inputs_have_no_error_of_shares():
    table = management(yield_dry_matter=5.0, plant_carbon_input=[2.0, np.nan])
    plant, _, _ = carbon_inputs(table)
    assert plant[0] == 2.0
    assert np.isfinite(input_errors(table)).tolist() == [[False, True]] * 2


def test_two_harvests_a_year_leave_what_each_would():
    """Shares are those at what one harvest brings, not at the rate of a year."""
    half = management(end_year=[2010.5, 2011.5], yield_per_harvest=5.0)
    assert carbon_inputs(half)[0] == pytest.approx(2 * float(carbon_left("winter wheat", 5.0).carbon))


def test_crops_without_shares_of_their_own_take_those_of_their_group():
    left = carbon_left("rice", 4.0)
    assert left.crop == "rice"
    assert left.carbon > 0
    (note,) = [one for one in carbon_inputs(management(crop="rice", yield_dry_matter=4.0))[2] if "rice" in one]
    assert "no point coefficients; 15 % of the straw enters, as of other cereals" in note


def test_nothing_is_known_of_a_cover_crop():
    left = carbon_left("cover crop", 3.0)
    assert np.isnan(left.carbon)
    assert left.crop == ""
    assert carbon_inputs(management(crop="cover crop", yield_dry_matter=3.0))[2][-1].startswith("No allocation")


def test_what_is_unsure_of_the_typical_study_is_the_prior_of_the_level_of_inputs():
    years = [2010.0, 2020.0]
    plots = pd.DataFrame({"site": "Farm", "plot": ["A", "A"], "year": years, "soc_stock": [50.0, 51.0]})

    def level(table, **choices):
        spec = sb.models.field.build(plots, table, structure="icbm", **choices).socbayes_spec
        return next(one["distribution"] for one in spec.priors if one["parameter"] == "input_level")

    table = management(start_year=[2010.0, 2020.0], end_year=[2020.0, 2021.0]).iloc[:1]
    error = float(carbon_left("winter wheat", 5.0).common)
    assert level(table.assign(yield_dry_matter=5.0)) == f"Normal(mu=0, sigma={error:.3f})"
    assert level(table.assign(plant_carbon_input=2.0)) == "Normal(mu=0, sigma=0.3)"
    given = {"priors": {"input_level": ("Normal", {"mu": 0.0, "sigma": 0.1})}}
    assert level(table.assign(yield_dry_matter=5.0), **given) == "Normal(mu=0, sigma=0.1)"
