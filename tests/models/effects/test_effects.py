"""The model of effects of levers: its layout, what counts once, and the known values it must find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import socbayes as sb
from socbayes.datasets import load_dataset
from socbayes.errors import EmptyTableError, SocbayesError, TableFaultsError, TooFewGroupsError, UnknownNameError
from socbayes.models import effects
from socbayes.models.effects import layout, pooled
from socbayes.models.effects.covered import NO_DATA, climate_of, coverage
from socbayes.spec import spec_of
from socbayes.subjects import model_record

CARBON = "soil_organic_carbon"
PAIR = {"study": "Miller et al. 2001", "lever": "manure", "fraction": CARBON}
TRUTH = {"manure": 0.3, "warming": -0.15}
SLOPE, STUDY_SD, RESIDUAL, VARIATION = 0.12, 0.08, 0.03, 0.12


def table(*rows: dict) -> pd.DataFrame:
    """Rows as pairs, each with what a pair needs unless it says otherwise."""
    frame = pd.DataFrame([PAIR | row for row in rows])
    return frame.assign(observation=[f"row {place}" for place in range(len(frame))])


def simulated(seed: int = 3) -> pd.DataFrame:
    """Pairs of two levers by the documented equations: shared controls, a slope on years, errors of most rows."""
    rng = np.random.default_rng(seed)
    rows = []
    for lever, effect in TRUTH.items():
        years = np.exp(rng.normal(2.0, 0.7, 14))
        centred = (np.log(years) - np.log(years).mean()) / np.log(years).std()
        deviations = rng.standard_normal(14)
        deviations -= deviations.mean() + centred * (centred * deviations).mean()
        deviations *= STUDY_SD / deviations.std()
        for study in range(14):
            replicates = int(rng.integers(3, 9))
            own = VARIATION * np.exp(rng.normal(0.0, 0.3))
            control = 20.0 * np.exp(rng.normal(0.0, own / np.sqrt(replicates)))
            for pair in range(int(rng.integers(4, 8))):
                alone = pair > 2
                if alone:
                    control = 20.0 * np.exp(rng.normal(0.0, own / np.sqrt(replicates)))
                ratio = effect + deviations[study] + SLOPE * centred[study] + rng.normal(0.0, RESIDUAL)
                treated = 20.0 * np.exp(ratio + rng.normal(0.0, own / np.sqrt(replicates)))
                known = pair % 3 < 2
                stated = own * np.exp(rng.normal(0.0, 0.25, 2))
                rows.append(
                    {
                        "study": f"{lever} {study}",
                        "lever": lever,
                        "control": f"plot {pair}" if alone else "plot",
                        "control_mean": control,
                        "treated_mean": treated,
                        "control_sd": stated[0] * control if known else np.nan,
                        "treated_sd": stated[1] * treated if known else np.nan,
                        "replicates": replicates,
                        "duration": years[study],
                    }
                )
    return table(*rows).sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.fixture(scope="module")
def fitted():
    return sb.fit(effects.build(simulated()), draws=500, tune=500, chains=2, cores=2, seed=5, climbs=0, progress=False)


def test_known_effects_are_recovered(fitted):
    posterior = fitted["posterior"]
    assert fitted.attrs["divergences"] == 0
    assert fitted.attrs["max_r_hat"] < 1.05
    for lever, truth in TRUTH.items():
        draws = posterior["log_ratio"].sel(effect=f"{lever}: {CARBON}")
        assert float(draws.std()) < 0.06, "the data must tell more than the prior"
        assert abs(float(draws.mean()) - truth) < 3 * float(draws.std())
        slope = posterior["slope"].sel(slope_of=f"duration of {lever}")
        assert abs(float(slope.mean()) - SLOPE) < 3 * float(slope.std())
        assert float(slope.std()) < 0.04
        assert float(slope.mean()) > 2 * float(slope.std())
        spread = posterior["study_sd"].sel(effect=f"{lever}: {CARBON}")
        assert 0.04 < float(spread.mean()) < 0.13
    variation = np.exp(posterior["variation_median"].sel(fraction=CARBON))
    assert float(variation.mean()) == pytest.approx(VARIATION, rel=0.15)


def test_a_known_study_is_predicted_under_its_own_conditions(fitted):
    rows = simulated()
    ratio = np.log(rows["treated_mean"] / rows["control_mean"])
    apart = []
    for name, members in ratio.groupby(rows["study"]):
        here = np.log1p(sb.predict_known(fitted, study=name, seed=1) / 100)
        lever = name.split()[0]
        years = rows.loc[members.index, "duration"].iloc[0]
        assert f"lever = {lever}, fraction = {CARBON}, duration = {years:.4g}" in here.attrs["assumed"]
        assert here.attrs["integrated"] == ""
        assert float(here.std()) < 0.1
        apart.append(float(here.mean()) - members.mean())
    # Of four to seven pairs of three to eight samples, shrunk towards the others.
    assert np.sqrt(np.mean(np.square(apart))) < 0.06
    longer = sb.predict_known(fitted, study="manure 3", duration=100.0, seed=1)
    assert "duration" not in longer.attrs["assumed"]
    assert float(longer.mean()) > float(sb.predict_known(fitted, study="manure 3", seed=1).mean())


def test_a_known_study_without_pairs_of_a_lever_says_that_its_effect_is_drawn(fitted):
    other = sb.predict_known(fitted, study="manure 3", lever="warming", seed=1)
    assert f"effect of the study, as it has no pair of warming: {CARBON}" in other.attrs["integrated"]
    assert "duration" in other.attrs["integrated"], "years under manure are none under warming"
    assert float(np.log1p(other / 100).std()) > 0.05


def test_layers_and_initial_carbon_are_settings_that_are_named_where_they_have_no_slope(fitted):
    new = sb.predict_new(fitted, lever="manure", depth_top=0, depth_bottom=30, soil_organic_carbon_control=12.0, seed=1)
    assert "depth, as the fit has no slope" in new.attrs["not_used"]
    assert "soil_organic_carbon_control, as the fit has no slope" in new.attrs["not_used"]
    with pytest.raises(SocbayesError, match="give depth_top and depth_bottom"):
        sb.predict_new(fitted, lever="manure", depth_top=0, seed=1)


def test_one_more_measurement_scatters_as_those_of_the_data_do(fitted):
    rows = simulated()
    ratio = np.log(rows["treated_mean"] / rows["control_mean"])
    within = (ratio - ratio.groupby(rows["study"]).transform("mean"))[rows["lever"] == "manure"]
    sizes = rows.loc[within.index].groupby("study")["study"].transform("size")
    found = float(np.sqrt((within**2 * sizes / (sizes - 1)).mean()))
    mean, one = (
        np.log1p(sb.predict_known(fitted, study="manure 3", seed=1, of=of) / 100) for of in ("mean", "measurement")
    )
    assert float((one - mean).std()) == pytest.approx(found, rel=0.35)


def test_a_new_study_is_wider_than_the_typical_one(fitted):
    posterior = fitted["posterior"]
    assert (
        posterior["log_ratio_new_study"].std(("chain", "draw")) > posterior["log_ratio"].std(("chain", "draw"))
    ).all()


def test_predictions_move_with_years_and_name_what_they_do_not_use(fitted):
    at = {years: sb.predict_new(fitted, lever="manure", duration=years, seed=1) for years in (2.0, 40.0)}
    assert float((at[40.0] - at[2.0]).mean()) > 0
    nothing = sb.predict_new(fitted, lever="no_change", seed=1)
    assert float(abs(nothing).max()) == 0
    with pytest.raises(UnknownNameError, match="manure"):
        sb.predict_new(fitted, lever="manur", seed=1)
    with pytest.raises(UnknownNameError, match=CARBON):
        sb.predict_new(fitted, lever="no_change", fraction="soil_organic_carbn", seed=1)
    with pytest.raises(SocbayesError, match="expected a number above zero"):
        sb.predict_new(fitted, lever="manure", duration=0.0, seed=1)


def test_figures_and_sentences_of_a_fit(fitted):
    from socbayes.models.effects.readings import READINGS

    for one in READINGS["effects"]:
        if all(name in fitted["posterior"] for name in one.needs):
            assert one.draw(fitted).axes
            assert one.say(fitted).endswith(".")


def test_a_control_that_serves_several_pairs_is_found_without_a_name():
    rows = [{"control_mean": 20.0, "treated_mean": 22.0 + step, "site": "A"} for step in range(3)]
    pairs = layout.lay_out(table(*rows, {"control_mean": 21.0, "treated_mean": 22.0, "site": "A"}))
    assert pairs.control.tolist() == [0, 0, 0, -1]
    assert any("shared by 3 of 4 pairs" in note for note in pairs.notes)


def test_samples_from_before_liming_are_one_control_of_all_later_years():
    pairs = load_dataset("effect_pairs").query("lever == 'liming'")
    assert pairs["control"].unique().tolist() == ["samples of 1998, 0-10 cm"]
    assert layout.lay_out(pairs).control.tolist() == [0] * len(pairs)


def test_a_name_is_one_control_in_its_layer_and_site_only():
    ck = {"control": "CK", "control_mean": 20.0, "treated_mean": 22.0}
    layers = [ck | {"depth_top": top, "depth_bottom": top + 10} for top in (0, 0, 10)]
    pairs = layout.lay_out(table(*layers, ck | {"control_mean": 12.0}, ck | {"site": "B"}))
    assert pairs.control.tolist() == [0, 0, -1, -1, -1]


def test_printed_ratios_that_are_not_those_of_their_means_are_named():
    means = {"control_mean": 20.0, "treated_mean": 22.0}
    pairs = layout.lay_out(table(means | {"log_response_ratio": 0.1}, means | {"log_response_ratio": -0.1}))
    assert [note for note in pairs.notes if "row 1" in note and "row 0" not in note]
    assert pairs.ratio == pytest.approx(np.log([1.1, 1.1]))


def test_what_small_studies_say_more_is_told_of_levers_that_count_samples():
    rows = simulated()
    model = effects.build(rows.assign(replicates=rows["replicates"].where(rows["lever"] == "manure")))
    assert model.coords["lever_counted"] == ("manure",)
    assert model.coords["effect_counted"] == (f"manure: {CARBON}",)
    few = rows["study"].isin([f"manure {place}" for place in range(7)])
    assert "small_study" not in effects.build(rows.assign(replicates=rows["replicates"].where(few))).named_vars


def test_moderators_are_in_units_of_their_spread_between_studies():
    years = {f"study {place}": 1.0 + place for place in range(8)}
    rows = [
        {"study": study, "duration": first * factor, "log_response_ratio": 0.1}
        for study, first in years.items()
        for factor in (0.2, 1.0, 5.0)
    ]
    centre, spread = layout.lay_out(table(*rows)).slopes.centres["duration of manure"]
    assert (centre, spread) == pytest.approx((np.log(list(years.values())).mean(), np.log(list(years.values())).std()))


def test_errors_stated_printed_or_missing():
    pairs = layout.lay_out(
        table(
            {"control_mean": 10.0, "treated_mean": 12.0, "control_sd": 1.0, "treated_sd": 2.4, "replicates": 4},
            {"log_response_ratio": 0.2, "log_response_ratio_variance": 0.02, "replicates": 4},
            {"log_response_ratio": 0.1},
        )
    )
    assert pairs.ratio == pytest.approx([np.log(1.2), 0.2, 0.1])
    assert pairs.errors.variance[:2] == pytest.approx(np.array([[0.01 / 4, 0.04 / 4], [0.01, 0.01]]))
    assert np.isnan(pairs.errors.variance[2]).all()
    assert pairs.errors.replicates[2].tolist() == pytest.approx([4.0, 4.0])
    assert pairs.smallness[:2] == pytest.approx(np.sqrt(0.5))
    assert np.isnan(pairs.smallness[2])


def test_a_site_of_several_pairs_has_an_effect_where_its_study_has_several_sites():
    rows = [{"control_mean": 20.0 + step, "treated_mean": 22.0, "site": site} for step, site in enumerate("AAB")]
    pairs = layout.lay_out(table(*rows, {"study": "B 2002", "site": "C", "control_mean": 20, "treated_mean": 21}))
    assert pairs.sites == [f"Miller et al. 2001 | manure: {CARBON} | A"]
    assert pairs.site.tolist() == [0, 0, -1, -1]
    assert pairs.lone.tolist() == [False, False, True, False]
    assert pairs.one_site.tolist() == [True, False]


def test_errors_in_one_proportion_are_refused_as_filled_in():
    rows = [
        {"control_mean": mean, "treated_mean": 2 * mean, "control_sd": 0.094 * mean, "treated_sd": 0.188 * mean}
        for mean in (5.0, 7.0, 11.0)
    ]
    with pytest.raises(SocbayesError, match=r"the 6 stated errors are all 9\.4 % of their means"):
        layout.lay_out(table(*rows))


BAD = (
    ({"control_mean": 0.0, "treated_mean": 5.0}, "not above zero, first 0 beside 5 in row 0"),
    ({"control_mean": 5.0}, "state no effect, first row 0"),
    ({"control_mean": 5.0, "treated_mean": 5.0, "treated_sd": -1.0, "replicates": 3}, "below zero"),
    ({"control_mean": 5.0, "treated_mean": 5.0, "replicates": 0}, "fewer than one replicate"),
)


@pytest.mark.parametrize(("row", "said"), BAD)
def test_rows_that_cannot_be_are_refused(row, said):
    with pytest.raises(SocbayesError, match=said):
        layout.lay_out(table(row))


def test_doses_of_one_lever_have_one_unit():
    rows = [{"log_response_ratio": 0.1, "lever_dose": 10, "lever_dose_unit": unit} for unit in ("t/ha", "kg/ha")]
    with pytest.raises(SocbayesError, match="doses of manure are in kg/ha and t/ha"):
        layout.lay_out(table(*rows))


def test_too_few_studies_are_refused():
    with pytest.raises(TooFewGroupsError, match="1 study"):
        effects.build(table({"log_response_ratio": 0.1}, {"log_response_ratio": 0.2}))


def given(**columns) -> pd.DataFrame:
    """Two good rows, with columns replaced or left out where they are None."""
    rows = table({"control_mean": 20.0, "treated_mean": 22.0}, {"control_mean": 21.0, "treated_mean": 22.0})
    return rows.assign(**columns).drop(columns=[name for name, column in columns.items() if column is None])


WRONG = (
    (given(lever=None), "column 'lever': missing column"),
    (given(study=["A 2001", ""]), "row 3, column 'study'"),
    (given(lever="cover_crp"), "did you mean `cover_crop`?"),
    (given(control_mean=["20 g/kg", "21"]), "row 2, column 'control_mean': text in a number: found '20 g/kg'"),
    (given(treated_mean=-1.0), "row 2, column 'treated_mean': out of range"),
    (given(ecosystem="crops on the moon"), "column 'ecosystem': unknown category"),
    (given(yields=1.0), "column 'yields': unknown column"),
)


@pytest.mark.parametrize(("rows", "said"), WRONG)
@pytest.mark.parametrize("door", [effects.build, effects.coverage, lambda rows: effects.evidence([rows])])
def test_every_fault_of_a_table_is_found_at_the_door(door, rows, said):
    with pytest.raises(TableFaultsError) as caught:
        door(rows)
    assert said in str(caught.value)


def test_what_is_no_table_or_one_of_another_kind_is_refused():
    for door in (effects.build, effects.coverage):
        for nothing in (None, [given()], "effect_pairs"):
            with pytest.raises(SocbayesError, match="is no table: give a frame, such as of read_table"):
                door(nothing)
    with pytest.raises(SocbayesError, match="is no table"):
        effects.evidence(given())
    for empty in ([], None):
        with pytest.raises(SocbayesError, match="no table is given"):
            effects.evidence(empty)
    with pytest.raises(TableFaultsError, match="cover_crop_fractions"):
        effects.build(given(), cover_crops=given())
    with pytest.raises(SocbayesError, match="the table has no column 'study'"):
        effects.counted_once(given(study=None))


def test_names_that_stand_in_two_tables_are_refused():
    with pytest.raises(SocbayesError, match="2 names stand in two rows of the tables together, first 'row 0'"):
        effects.evidence([given(), given()])


def test_coverage_of_a_fraction_that_is_none_is_refused():
    with pytest.raises(UnknownNameError, match=r"there is no fraction 'necromas'; known: .*, necromass"):
        effects.coverage(given(), fraction="necromas")


def test_an_empty_table_is_refused():
    with pytest.raises(EmptyTableError, match="no rows"):
        effects.build(table({"log_response_ratio": 0.1}).iloc[:0])


def test_faults_of_a_file_are_found_with_the_nearest_lever(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(
        "observation,study,lever,fraction,control_mean,treated_mean,duration [year]\n"
        "1,Miller 2001,cover crops,soil_organic_carbon,-3,12,5\n"
    )
    with pytest.raises(TableFaultsError) as caught:
        sb.read_table(path, schema="effect_pairs")
    assert "cover_crop" in str(caught.value)
    assert "control_mean" in str(caught.value)


def twice(first: dict, second: dict) -> list[str]:
    """Compilations that are kept of two rows."""
    rows = table(
        {"log_response_ratio": 0.1, "compilation": "one"} | first,
        {"log_response_ratio": 0.1, "compilation": "two"} | second,
    )
    kept, said = pooled.counted_once(rows)
    assert bool(said) == (len(kept) == 1)
    return kept["compilation"].tolist()


def test_a_study_of_two_compilations_counts_once():
    assert twice({"doi": "10.1/A"}, {"doi": "https://doi.org/10.1/a"}) == ["one"]
    assert twice({"doi": "10.1/a"}, {"doi": "10.1/b"}) == ["one", "two"]
    assert twice({"doi": "10.1/a"}, {}) == ["one"]
    assert twice({}, {"lever": "compost"}) == ["one", "two"]
    assert twice({}, {"study": "Miller 2002"}) == ["one", "two"]
    here, near, far = ({"latitude": at, "longitude": 7.0} for at in (50.0, 50.3, 52.0))
    assert twice(here, near) == ["one"]
    assert twice(here, far) == ["one", "two"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Miller 2001", "Mills 2001"),
        ("van Groenigen et al. 2014", "van der Linden 2014"),
        ("De Vries 2012", "De Long et al. 2012"),
    ],
)
def test_first_authors_are_compared_as_a_whole(one, other):
    assert twice({"study": one}, {"study": other}) == ["one", "two"]
    assert twice({"study": one}, {"study": one.replace(" et al.", ",")}) == ["one"]


def test_a_code_of_four_letters_is_the_study_that_begins_so():
    assert twice({"study": "Mill01"}, {}) == ["one"]
    assert twice({"study": "Mill01"}, {"study": "Mills 2002"}) == ["one", "two"]
    assert twice({"study": "Obry01"}, {"study": "O'Bryan et al. 2001"}) == ["one"]
    assert twice({"study": "Li01"}, {"study": "Liu 2001"}) == ["one", "two"]


def test_a_study_without_a_year_is_kept_where_several_years_agree():
    here = {"log_response_ratio": 0.1, "latitude": 50.0, "longitude": 7.0}
    of_code, years = here | {"study": "Mill", "compilation": "one"}, ("Miller 2001", "Miller 2005")
    for worth in ({}, {"log_response_ratio_variance": 0.01}):
        dated = [here | worth | {"study": study, "compilation": "two"} for study in years]
        kept, said = pooled.counted_once(table(of_code, *dated))
        assert len(kept) == 3
        assert "as a year is not stated: " in " ".join(said)


def test_a_short_name_without_a_year_counts_where_the_place_agrees():
    here = {"latitude": 50.0, "longitude": 7.0}
    assert twice({"study": "Mill"} | here, here) == ["one"]
    assert twice({"study": "Mill"}, {}) == ["one", "two"]


def test_the_compilation_that_states_errors_is_kept():
    assert twice({}, {"log_response_ratio_variance": 0.01}) == ["two"]


def test_imputed_variances_count_as_missing():
    source = load_dataset("cover_crop_fractions")
    pairs = pooled.cover_crop_pairs(source)
    imputed = (source["variance_imputed"] == "yes").to_numpy()
    assert imputed.any()
    assert pairs["log_response_ratio_variance"].isna().to_numpy()[imputed].all()
    assert pairs["log_response_ratio_variance"].notna().to_numpy()[~imputed].any()


def test_necromass_pairs_are_pairs_of_two_fractions():
    source = load_dataset("necromass_pairs")
    pairs = pooled.necromass_pairs(source)
    assert set(pairs["fraction"]) == {"necromass", CARBON}
    assert "residue_return" in set(pairs["lever"])
    assert not set(pairs["lever"]) & set(pooled.LEVER_OF_PRACTICE)
    assert pairs["observation"].is_unique


def test_coverage_says_where_there_are_no_data():
    found = coverage(load_dataset("effect_pairs"))
    assert found.loc[("compost", "cropland", "tropical"), "said"] == NO_DATA
    assert found.loc[("litter_removed", "forest", "cool temperate"), "pairs"] > 0
    assert found["pairs"].sum() == (load_dataset("effect_pairs")["fraction"] == CARBON).sum()
    assert climate_of(np.array([-5.0, 9.9, 10.0, 18.0])).tolist() == [
        "boreal or polar", "cool temperate", "warm temperate", "tropical",
    ]  # fmt: skip


def test_the_model_of_all_tables_says_what_it_assumed():
    model = model_record("effects").build()
    notes = " ".join(spec_of(model).notes)
    assert "state no error" in notes
    assert "controls are shared" in notes


def test_root_symbioses_are_a_moderator_of_elevated_co2():
    pairs = pooled.elevated_co2_pairs(load_dataset("elevated_co2_pairs"))
    entered = layout.moderator_values(pairs, "mycorrhiza")
    known = pairs["mycorrhiza"].isin(list(layout.SYMBIOSES)).to_numpy()
    assert known.sum() == 131
    assert np.isnan(entered[~known]).all(), "plants of two symbioses tell nothing of either"
    assert set(pairs["mycorrhiza"][entered == 1]) == {"ectomycorrhiza"}
    assert set(pairs["mycorrhiza"][entered == 0]) == {"arbuscular mycorrhiza"}
    slopes = layout.lay_out(pairs).slopes
    place = slopes.labels.index("mycorrhiza of elevated_co2")
    column = slopes.value[:, place]
    centre, spread = slopes.centres["mycorrhiza of elevated_co2"]
    np.testing.assert_allclose(column[known], (entered[known] - centre) / spread)
    assert (np.isnan(layout.moderator_values(pairs.drop(columns="mycorrhiza"), "mycorrhiza"))).all()


def test_a_symbiosis_is_a_setting_with_a_name(fitted):
    new = sb.predict_new(fitted, lever="manure", mycorrhiza="ectomycorrhiza", seed=1)
    assert "mycorrhiza, as the fit has no slope" in new.attrs["not_used"]
    with pytest.raises(UnknownNameError, match="ectomycorrhiza"):
        sb.predict_new(fitted, lever="manure", mycorrhiza="ectomycorhiza", seed=1)
