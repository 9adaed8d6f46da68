"""What the models promise in common, and the pieces they are built from."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from pymc.util import get_untransformed_name
from scipy import stats

from socbayes import load_dataset
from socbayes.errors import EmptyTableError, TooFewGroupsError, UnknownNameError
from socbayes.frames import filled, numeric
from socbayes.models import blocks as _blocks
from socbayes.models import cue, mcp, priming
from socbayes.priors import Prior, Priors
from socbayes.spec import ModelSpec, spec_of

MODULES = {"cue": cue, "priming": priming, "mcp": mcp}
NAMES = tuple(MODULES)
QUICK = "FAST_COMPILE"  # plain Python: bounds-checked where compiled indexing is not


def bundled(name: str) -> dict[str, pd.DataFrame]:
    """The bundled tables of a model by argument of its ``build``."""
    if name == "cue":
        return {"table": load_dataset("cue"), "gradient": load_dataset("cue_temperature_gradient")}
    if name == "priming":
        return {"table": load_dataset("priming_endpoints")}
    return {"table": load_dataset("necromass_pairs"), "levels": load_dataset("necromass_levels")}


def build(name: str, tables: dict[str, pd.DataFrame] | None = None, **choices) -> pm.Model:
    return MODULES[name].build(**(bundled(name) if tables is None else tables), **choices)


def log_densities(model: pm.Model):
    """Function from a point to the log density of every variable, by its name."""
    variables = [*model.free_RVs, *model.observed_RVs]
    compiled = model.compile_fn(model.logp(vars=variables, sum=False), mode=QUICK, on_unused_input="ignore")
    names = [variable.name for variable in variables]
    return lambda point: dict(zip(names, compiled(point), strict=True))


def total(densities: dict[str, np.ndarray]) -> float:
    return float(sum(np.sum(values) for values in densities.values()))


def random_point(model: pm.Model, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    start = model.initial_point()
    return {name: value + 0.3 * rng.standard_normal(np.shape(value)) for name, value in start.items()}


def unconstrained(model: pm.Model, posterior, chain: int, draw: int) -> dict[str, np.ndarray]:
    """One draw of a fit as a point of its model."""
    values, expressions = {}, {}
    for variable in model.free_RVs:
        value = posterior[variable.name].isel(chain=chain, draw=draw).to_numpy()
        transform = model.rvs_to_transforms[variable]
        target = model.rvs_to_values[variable].name
        if transform is None:
            values[target] = value
        else:
            expressions[target] = transform.forward(pytensor.tensor.as_tensor(value), *variable.owner.inputs)
    compiled = pytensor.function([], list(expressions.values()), mode=QUICK, on_unused_input="ignore")
    return values | dict(zip(expressions, compiled(), strict=True))


@pytest.fixture(scope="module", params=NAMES)
def built(request):
    """Name and model of each bundled table."""
    return request.param, build(request.param)


@pytest.fixture(scope="module")
def density(built):
    """Log densities of the model ``built``."""
    return log_densities(built[1])


def test_coords_are_those_the_docstring_names(built):
    name, model = built
    documented = re.search(r"With coords (.*?),\s+and\s+the\s+quantities", MODULES[name].build.__doc__, re.DOTALL)
    named = set(re.findall(r"\w+", documented[1])) - {"and"}
    assert named <= set(model.coords)
    lengths = {dim: len(labels) for dim, labels in model.coords.items()}
    for variable, dims in model.named_vars_to_dims.items():
        shape = tuple(lengths[dim] for dim in dims)
        assert model[variable].type.ndim == len(shape), variable
    for dim in named - {"obs", "cell", "jar", "pair", "level"}:
        assert len(set(model.coords[dim])) == lengths[dim], f"labels of {dim} are ambiguous"


def test_every_quantity_is_a_variable_with_unit_and_meaning(built):
    name, model = built
    quantities = spec_of(model).quantities
    assert set(quantities) == set(MODULES[name].QUANTITIES), "the bundled tables show every quantity"
    for quantity, text in quantities.items():
        assert quantity in {variable.name for variable in [*model.free_RVs, *model.deterministics]}
        assert text["unit"]
        assert text["meaning"]


def test_specification_survives_json(built):
    name, model = built
    spec = spec_of(model)
    again = ModelSpec.from_json(spec.to_json())
    assert again.to_json() == spec.to_json()
    assert again.quantities == spec.quantities
    assert again.notes == spec.notes
    assert again.model == name
    assert set(spec.observed) <= {variable.name for variable in model.observed_RVs}
    assert spec.tables["table"]["rows"] == len(bundled(name)["table"])


def test_nothing_is_sampled_at_build(monkeypatch):
    import nutpie

    def refuse(*_, **__):
        raise AssertionError("a model must not sample while it is built")

    for module, function in (
        (pm, "sample"),
        (pm, "draw"),
        (pm, "sample_prior_predictive"),
        (pm, "sample_posterior_predictive"),
        (nutpie, "sample"),
        (nutpie, "compile_pymc_model"),
    ):
        monkeypatch.setattr(module, function, refuse)
    for name in NAMES:
        assert isinstance(build(name), pm.Model)


def test_tables_are_not_modified():
    for name in NAMES:
        tables = bundled(name)
        before = {role: table.copy(deep=True) for role, table in tables.items()}
        build(name, tables)
        for role, table in tables.items():
            pd.testing.assert_frame_equal(table, before[role])
            assert table.attrs == before[role].attrs


DISTRIBUTIONS = {
    "Normal": lambda mu, sigma: stats.norm(mu, sigma),
    "HalfNormal": lambda sigma: stats.halfnorm(scale=sigma),
    "LogNormal": lambda mu, sigma: stats.lognorm(sigma, scale=np.exp(mu)),
    "Beta": lambda alpha, beta: stats.beta(alpha, beta),
    "Gamma": lambda alpha, beta: stats.gamma(alpha, scale=1 / beta),
}


def frozen(text: str):
    """The scipy distribution a line of a prior table describes."""
    family, arguments = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    return DISTRIBUTIONS[family](**{k: float(v) for k, v in (term.split("=") for term in arguments.split(", "))})


def carriers(model: pm.Model, name: str) -> list:
    """Variables that have the prior called ``name``: itself, or those named after it."""
    return [rv for rv in model.free_RVs if rv.name == name or rv.name.endswith(f"_{name}_raw")]


def test_prior_table_is_what_the_model_uses(built):
    name, model = built
    table = MODULES[name].prior_table()
    used = [record["parameter"] for record in spec_of(model).priors]
    assert set(used) <= set(table.index)
    assert (table[["unit", "source"]] != "").all(axis=None)
    at = 0.37
    expected, expressions = [], []
    for parameter in used:
        variables = carriers(model, parameter)
        assert variables, parameter
        for variable in variables:
            expected.append(frozen(table.loc[parameter, "distribution"]).logpdf(at))
            expressions.append(pm.logp(variable, np.full(tuple(variable.shape.eval(mode=QUICK)), at)).max())
    found = pytensor.function([], expressions, mode=QUICK)()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


OVERRIDES = {
    "cue": ("slope_between", ("Normal", {"mu": 0.02, "sigma": 0.004})),
    "priming": ("dose", ("Normal", {"mu": 0.1, "sigma": 0.05})),
    "mcp": ("share_depth", ("Normal", {"mu": -0.1, "sigma": 0.02})),
}


def test_overriding_a_prior_changes_its_density_and_nothing_else(built, density):
    name, usual = built
    parameter, override = OVERRIDES[name]
    changed = build(name, priors={parameter: override})
    point = random_point(usual, seed=4)
    before, after = density(point), log_densities(changed)(point)
    assert before.keys() == after.keys()
    for variable in before:
        if variable != parameter:
            np.testing.assert_array_equal(before[variable], after[variable])
    np.testing.assert_allclose(after[parameter], stats.norm(*override[1].values()).logpdf(point[parameter]))
    assert not np.allclose(before[parameter], after[parameter])
    record = next(r for r in spec_of(changed).priors if r["parameter"] == parameter)
    assert record["source"] == "given by the caller"
    assert spec_of(changed).choices["priors"] == [parameter]


@pytest.mark.parametrize(("name", "typo", "meant"), [("cue", "slope_meen", "slope_mean"), ("priming", "dosis", "dose"),
                                                     ("mcp", "practice_maen", "practice_mean")])  # fmt: skip
def test_unknown_prior_is_refused_with_the_nearest_name(name, typo, meant):
    with pytest.raises(UnknownNameError, match=f"{typo}.*did you mean '{meant}'"):
        build(name, priors={typo: ("Normal", {"mu": 0, "sigma": 1})})


def test_order_of_the_rows_does_not_matter(built, density):
    name, one = built
    other = build(name, {role: table.sample(frac=1, random_state=9) for role, table in bundled(name).items()})
    for dim, labels in one.coords.items():
        if dim not in ("obs", "cell", "jar", "pair", "level"):
            assert other.coords[dim] == labels
    density_shuffled = log_densities(other)
    for seed in range(3):
        point = random_point(one, seed)
        value = density(point)
        # Indexing is bounds-checked here, so a position outside its group would raise.
        assert all(np.isfinite(values).all() for values in value.values())
        assert total(density_shuffled(point)) == pytest.approx(total(value), rel=1e-10)


def test_names_of_the_studies_do_not_matter(built, density):
    name, one = built
    renamed = {}
    for role, table in bundled(name).items():
        column = "study" if "study" in table else "soil"
        labels = sorted(table[column].unique(), reverse=True)
        new = {label: f"{position:04d} {label}" for position, label in enumerate(labels)}
        renamed[role] = table.assign(**{column: table[column].map(new)})
    other = build(name, renamed)
    density_renamed = log_densities(other)

    def place(dim: str) -> np.ndarray:
        """Position in ``one`` of each label of a dim of ``other``."""
        old = list(one.coords[dim])
        return np.array([old.index(label) if label in old else old.index(label[5:]) for label in other.coords[dim]])

    point = random_point(one, seed=6)
    moved = dict(point)
    changed = 0
    for variable in one.free_RVs:
        value_name = one.rvs_to_values[variable].name
        dims = one.named_vars_to_dims.get(variable.name, ())
        if one.rvs_to_transforms[variable] is None and dims:
            positions = place(dims[0])
            changed += not np.array_equal(positions, np.arange(positions.size))
            moved[value_name] = point[value_name][positions]
    assert changed > 1, "the new names must change the order of the groups"
    assert total(density_renamed(moved)) == pytest.approx(total(density(point)), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_density_equals_the_plain_one(name, request):
    """At draws of a fit, the log density the sampler computed is that of plain Python with checked indices."""
    data = request.getfixturevalue(f"{name}_fit")
    density = log_densities(data.model)
    stated = data.fit["sample_stats/logp"]
    for chain, draw in ((0, 0), (0, 311), (1, 99), (1, 499)):
        point = unconstrained(data.model, data.fit.posterior, chain, draw)
        assert total(density(point)) == pytest.approx(float(stated[chain, draw]), rel=1e-9, abs=1e-6)


def test_groups_are_sorted_labels_and_their_positions():
    labels, index = _blocks.groups(pd.Series(["b", "a", "b", "c"], name="study"))
    assert labels == ["a", "b", "c"]
    assert index.tolist() == [1, 0, 1, 2]
    with pytest.raises(ValueError, match="'study' has missing labels"):
        _blocks.groups(pd.Series(["b", None], name="study"))


def test_groups_are_centred_on_the_mean_of_their_rows():
    index, eta = np.array([0, 1, 1, 2]), np.array([1.0, 2.0, 6.0, 5.0])
    with pm.Model(coords={"study": ["a", "b", "c"]}) as model:
        effect = _blocks.centred_on_expected("study", pytensor.tensor.as_tensor(eta), 0.7, index, "study")
    mean, spread = model["study_level"].owner.op.dist_params(model["study_level"].owner)
    np.testing.assert_allclose(mean.eval(mode=QUICK), [1, 4, 5])
    np.testing.assert_allclose(spread.eval(mode=QUICK), 0.7)
    given = {model["study_level"]: np.array([1.5, 3.0, 5.0])}
    np.testing.assert_allclose(effect.eval(given, mode=QUICK), [0.5, -1, 0])


def test_means_of_groups():
    index, values = np.array([0, 1, 1, 2]), np.array([1.0, np.nan, 6.0, np.nan])
    np.testing.assert_allclose(_blocks.group_means(values, index, 3), [1, 6, np.nan])


def test_effects_reach_the_rows_of_their_level_only():
    effect = np.array([10.0, 20.0])
    looked_up = _blocks.looked_up(effect, ["a", "b"], pd.Series(["b", "unknown", "a"]))
    np.testing.assert_allclose(looked_up, [20, 0, 10])
    by_row = _blocks.at_members(effect, np.array([1, 3]), np.array([3, 0, 1, 2, 3]))
    np.testing.assert_allclose(by_row, [20, 0, 10, 0, 20])


def test_scatter_of_small_studies_is_the_median_one():
    study = np.repeat([0, 1, 2], [9, 7, 8])
    with pm.Model(coords={"study": ["big", "small", "fair"]}) as model:
        prior = Priors(cue.PRIORS)
        scatter = _blocks.scatter_by_study(prior, study, ["big", "small", "fair"])
    assert model.coords["study_with_scatter"] == ("big", "fair")
    given = {model["scatter_log_mean"]: np.array(-1.0), model["log_scatter_study"]: np.array([0.5, 0.2])}
    np.testing.assert_allclose(scatter.eval(given, mode=QUICK), np.exp([0.5, -1.0, 0.2]))


@pytest.mark.parametrize(
    ("distribution", "parameters", "density"),
    [
        ("Normal", {"mu": -0.5, "sigma": 0.8}, stats.norm(-0.5, 0.8)),
        ("StudentT", {"nu": 3.0, "mu": 0.2, "sigma": 0.5}, stats.t(3.0, 0.2, 0.5)),
    ],
)
def test_shifted_coordinates_keep_the_prior(distribution, parameters, density):
    prior = Priors((Prior("rate", distribution, parameters, "log", "made up"),))
    with pm.Model(coords={"run": ["a", "b"]}) as model:
        half = pm.Normal("half", 0.0, 2.0, dims="run")
        rate = prior.sample_shifted("rate", pytensor.tensor.exp(half), dims="run")
    point = {"half": np.array([0.7, -1.2]), "rate_shifted": np.array([-1.0, 0.4])}
    found = model.compile_logp(vars=[model["rate_shifted"]], sum=False)(point)[0]
    np.testing.assert_allclose(found, density.logpdf(point["rate_shifted"] + np.exp(point["half"])), rtol=1e-8)
    rates, halves = pm.draw([rate, half], draws=4000, random_seed=1)
    assert stats.kstest(rates[:, 0], density.cdf).pvalue > 0.01
    assert abs(stats.spearmanr(rates[:, 0], halves[:, 0]).statistic) < 0.05
    assert list(prior.table().index) == ["rate"]


def test_a_log_quantity_is_sampled_linearly_where_it_is_large():
    with pm.Model() as model:
        pm.Normal("supply", -1.0, 0.7, transform=_blocks.linear_above(0.05))
    density = model.compile_logp()
    grid = np.linspace(-10.0, 200.0, 2_001)
    name = model.value_vars[0].name
    assert get_untransformed_name(name) == "supply", "or log priors of draws are not found"
    logp = np.array([density({name: np.array(value)}) for value in grid])
    assert np.trapezoid(np.exp(logp), grid) == pytest.approx(1.0, abs=0.01)
    transform = model.rvs_to_transforms[model["supply"]]
    for log in (-9.0, -3.0, 0.0, 1.5):
        value = transform.forward(pytensor.tensor.as_tensor(np.float64(log)))
        assert transform.backward(value).eval() == pytest.approx(log, abs=1e-9)
    far, farther = (float(transform.forward(pytensor.tensor.as_tensor(np.log(x))).eval()) for x in (0.5, 1.0))
    assert farther == pytest.approx(2.0 * far, rel=1e-4)


def test_numeric_and_filled_columns():
    table = pd.DataFrame({"x": pd.array([1, None], dtype="Int64"), "name": ["a", None]})
    np.testing.assert_allclose(numeric(table, "x"), [1, np.nan])
    assert np.isnan(numeric(table, "absent")).all()
    assert filled(table, "name", "not stated").tolist() == ["a", "not stated"]
    assert filled(table, "absent", "not stated").tolist() == ["not stated"] * 2


def test_tables_without_groups_are_refused():
    with pytest.raises(EmptyTableError, match="no rows"):
        _blocks.require_studies(pd.DataFrame({"study": []}))
    with pytest.raises(TooFewGroupsError, match=r"1 study \('a'\); .* at least 2"):
        _blocks.require_studies(pd.DataFrame({"study": ["a", "a"]}))
    with pytest.raises(TooFewGroupsError, match="each of the 2 studies has one row"):
        _blocks.require_studies(pd.DataFrame({"study": ["a", "b"]}))
    _blocks.require_studies(pd.DataFrame({"study": ["a", "a", "b"]}))


def test_means_of_groups_and_what_members_differ_by_are_independent_effects():
    """The mean, with its spread, and the basis times normals have the covariance of one effect a member."""
    group = np.array([1, 0, 1, 1, 2, 0, 1])
    further, basis = _blocks.zero_sum_basis(group)
    assert further.tolist() == [2, 3, 5, 6]
    same = group[:, None] == group
    np.testing.assert_allclose(basis @ basis.T + same / same.sum(axis=1), np.eye(7), atol=1e-12)
    np.testing.assert_allclose(same @ basis, 0.0, atol=1e-12)
    alone, none = _blocks.zero_sum_basis(np.array([0, 1]))
    assert alone.size == 0
    assert none.shape == (2, 0)
