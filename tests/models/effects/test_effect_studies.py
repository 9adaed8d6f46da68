"""Coordinates of the models of effects: they change what is sampled, never a prior."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest

from socbayes.models.blocks import partly_centred
from socbayes.models.effects import baseline, factors, studies
from socbayes.models.effects.layout import lay_out
from socbayes.priors import Priors

CARBON = "soil_organic_carbon"
DRAWS = 20_000


def paired(counts: dict[str, list[int]], scatter: float = 0.05, seed: int = 4) -> pd.DataFrame:
    """Pairs of levers by study, these many of each."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "study": f"{lever} {study}",
            "lever": lever,
            "fraction": CARBON,
            "control_mean": 20.0,
            "treated_mean": 20.0 * np.exp(level + rng.normal(0.0, scatter)),
            "replicates": 4,
        }
        for lever, sizes in counts.items()
        for study, (size, level) in enumerate(zip(sizes, rng.normal(0.1, 0.2, len(sizes)), strict=True))
        for _ in range(size)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(observation=[f"row {place}" for place in range(len(frame))])


def built(counts: dict[str, list[int]], priors=None) -> tuple[pm.Model, object]:
    pairs = lay_out(paired(counts))
    prior = Priors(baseline.PRIORS, priors)
    coords = {"effect": pairs.effects, "study_effect_of": pairs.groups_of}
    with pm.Model(coords=coords) as model:
        scale = pt.as_tensor(np.linspace(0.1, 0.5, len(pairs.groups_of)))
        studies.means_and_studies(prior, pairs, scale, studies.told(pairs).study)
    return model, pairs


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_deviations_have_one_prior_whatever_the_share(share):
    with pm.Model(coords={"group": ["a", "b"]}):
        mean = pm.Normal("mean", 0.5, 0.4)
        deviation = partly_centred("group", mean, pt.as_tensor([0.1, 3.0]), np.full(2, share), "group")
        drawn, means = pm.draw([deviation, mean], DRAWS, random_seed=1)
    np.testing.assert_allclose(drawn.std(axis=0), [0.1, 3.0], rtol=0.02)
    np.testing.assert_allclose(drawn.mean(axis=0) / [0.1, 3.0], 0, atol=0.03)
    for column in drawn.T:
        assert abs(np.corrcoef(column, means)[0, 1]) < 0.03


def test_a_mean_and_a_lone_study_keep_their_priors_and_are_sampled_by_their_sum():
    model, pairs = built({"manure": [9], "no_tillage": [3, 4, 5, 6], "liming": [2, 7]})
    assert model.coords["study_alone"] == ("manure 0 | manure: soil_organic_carbon",)
    with model:
        mean, deviation, level = pm.draw(
            [model["log_ratio"], model["study_effect"], model["level_alone"]], DRAWS, random_seed=2
        )
    scale = np.linspace(0.1, 0.5, len(pairs.groups_of))
    np.testing.assert_allclose(mean.std(axis=0), 0.4, rtol=0.025)
    np.testing.assert_allclose(deviation.std(axis=0), scale, rtol=0.025)
    together = np.corrcoef(np.hstack([mean, deviation]).T) - np.eye(len(pairs.effects) + scale.size)
    assert np.abs(together).max() < 0.035
    effect = pairs.effects.index("manure: soil_organic_carbon")
    group = pairs.groups_of.index("manure 0 | manure: soil_organic_carbon")
    np.testing.assert_allclose(mean[:, effect] + deviation[:, group], level[:, 0], rtol=1e-12, atol=1e-12)


def test_means_of_another_prior_are_sampled_as_they_are():
    model, _ = built({"manure": [9], "liming": [2, 7]}, {"log_ratio": ("StudentT", {"nu": 4, "mu": 0, "sigma": 0.3})})
    assert "log_ratio" in {variable.name for variable in model.free_RVs}
    assert "study_alone" not in model.coords


def test_effects_of_one_study_each_have_no_others():
    model, pairs = built({"manure": [9], "liming": [5]})
    assert "effect_of_several" not in model.coords
    assert len(model.coords["study_alone"]) == len(pairs.effects) == 2


def test_levels_are_told_the_more_the_more_pairs_there_are_and_the_less_these_scatter():
    pairs = lay_out(paired({"manure": [1, 2, 8, 40], "liming": [3, 3, 3]}))
    found = studies.told(pairs)
    of = np.char.startswith(np.array(pairs.groups_of, dtype=str), "manure")
    told = found.study[of]
    assert (np.diff(told) > 0).all()
    assert told[0] > 0.5
    assert told[-1] < 1
    assert np.isnan(found.study[~of]).all(), "three studies hardly show how far they differ"
    noisy = studies.told(lay_out(paired({"manure": [1, 2, 8, 40], "liming": [3, 3, 3]}, scatter=0.6)))
    assert (noisy.study[of] < told).all()
    effect = pairs.effects.index("manure: soil_organic_carbon")
    assert 0 < found.study_sd[effect] < 1
    assert found.study_sd[1 - effect] == 0
    assert found.residual[effect] > 0.5
    assert found.residual[1 - effect] == 0


def test_one_pair_of_each_study_is_no_fault():
    found = studies.told(lay_out(paired({"manure": [1, 1, 1, 1, 1]})))
    assert np.isfinite(found.study).all()
    assert found.residual.tolist() == [0.0]


def test_a_factor_and_a_start_keep_their_priors_though_their_sum_is_sampled():
    table = paired({"residue_return": [3, 1, 2, 1], "no_tillage": [4, 1, 1]}).assign(duration=[30.0, 2.0] * 6 + [9.0])
    model = factors.build(table, structure="icbm")
    lever = [model.coords["lever"].index(name.split(" | ")[1]) for name in model.coords["study_lever"]]
    names = ("log_factor_study", "log_factor", "study_sd", "start", "start_sd")
    of_study, mean, spread, start, start_sd = pm.draw([model[name] for name in names], DRAWS, random_seed=1)
    own, start = (of_study - mean[:, lever]) / spread[:, lever], start / start_sd[:, None]
    np.testing.assert_allclose(np.hstack([own, start]).std(axis=0), 1.0, rtol=0.03)
    np.testing.assert_allclose(np.hstack([own, start]).mean(axis=0), 0.0, atol=0.04)
    numbers = np.hstack([own, start, mean, np.log(spread), np.log(start_sd)[:, None]])
    related = np.corrcoef(numbers.T) - np.eye(numbers.shape[1])
    sizes = own.shape[1] + start.shape[1]
    assert np.abs(related[:sizes]).max() < 0.04
