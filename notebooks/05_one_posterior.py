# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What the literatures say together, and what that is worth in a new soil
#
# Several kinds of experiment see the same microbes. Laboratories measure carbon
# use efficiency with labels, jars with glucose show priming, and field trials
# show how much necromass a practice leaves. The process models of socbayes
# write all of them with one structure, so they share parameters: the
# efficiency, the turnover of biomass, the biomass at which depolymerisation
# is half-saturated, and the share of dead microbes that stays particulate.
#
# The fits take minutes each and are not repeated here: the package carries
# what each converged fit says of the shared parameters, the moments of its
# posterior and of its prior. `python benchmarks/literature.py` makes them
# anew. What is sampled below is the joint model, which is small.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
from matplotlib import ticker
from scipy import stats

import socbayes as sb
from socbayes.models import joint
from socbayes.vocabulary import CI_PROB


def effort() -> dict[str, int]:
    """Draws of a fit: enough to use, or with SOCBAYES_FAST=1 just enough to run through."""
    if os.environ.get("SOCBAYES_FAST") == "1":
        return {"draws": 50, "tune": 150, "chains": 2}
    return {"draws": 1000, "tune": 1000, "chains": 4}


folder = Path(mkdtemp())

# %% [markdown]
# ## 1. What does each literature add?
#
# One less the variance of the posterior over that of the prior: 0 where a
# literature taught nothing, 1 where it left no doubt.

# %%
sources = joint.literatures()
learned = pd.DataFrame({source.name: source.contraction() for source in sources}).reindex(list(joint.SHARED))
print(learned.round(2).to_string())

# %% [markdown]
# ## 2. Where do they disagree?
#
# Differences are on the unbounded scale (log or logit), with the prior of
# each model divided out. A `z` beyond two or so is a conflict that sampling
# error does not explain. Only parameters that both narrowed by a tenth or more
# are compared. Efficiency in primed jars has an upper limit, 0.88,
# without which the jars allow a higher one (`02_priming.py`): a conflict with
# measured efficiencies would grow, not go away.

# %%
differences = joint.disagreement(sources)
print(differences.round(2).to_string())
for name, row in differences.loc[differences["z"].abs() > 2].iterrows():
    lower, higher = (row["first"], row["second"]) if row["z"] < 0 else (row["second"], row["first"])
    print(f"\nconflict: {name} is lower in {lower} than in {higher}, z = {abs(row['z']):.1f}")

# %% [markdown]
# ## 3. One posterior
#
# A conflict is modelled, not hidden: every literature has a value of its own
# about the common one, and the spread between them is a parameter. With so
# few literatures that spread rests mostly on its prior, and a soil of no
# literature is known accordingly less well.

# %%
fitted = sb.fit(joint.build(sources), seed=1, store=folder / "joint", progress=False, **effort())
posterior = fitted["posterior"].to_dataset()
print("converged" if fitted.attrs["converged"] else fitted.attrs["failures"])


# %%
ENDS = [0.5 - CI_PROB / 2, 0.5, 0.5 + CI_PROB / 2]


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Median and ends of the equal-tailed interval of the house, 89 %."""
    low, middle, high = np.quantile(values, ENDS)
    return middle, low, high


figure, axes = plt.subplots(2, 2, figsize=(10, 4.6), layout="constrained")
for axis, (name, text) in zip(axes.flat, joint.SHARED.items(), strict=True):
    rows = []
    for source in sources:
        if name in source.parameters:
            place = source.parameters.index(name)
            middle, half = source.mean[place], stats.norm.ppf(ENDS[2]) * np.sqrt(source.covariance[place, place])
            rows.append((f"{source.name}, by itself", middle, middle - half, middle + half))
    common = posterior[f"{name}_common"].to_numpy().ravel()
    natural = posterior[name].to_numpy().ravel()
    free = np.log(natural) if text["scale"] == "log" else np.log(natural / (1 - natural))
    rows += [("common value", *interval(common)), ("new soil", *interval(free))]
    for height, (label, middle, low, high) in enumerate(reversed(rows)):
        back = np.exp if text["scale"] == "log" else lambda x: 1 / (1 + np.exp(-x))
        axis.plot(back(np.array([low, high])), [height, height], color="0.4", linewidth=2)
        axis.plot(back(np.array([middle])), [height], "o", color="C1" if "by itself" in label else "C0")
    axis.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
    if text["scale"] == "log":
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
    axis.set_xlabel(f"{name.replace('_', ' ')} [{text['unit']}]")
_ = figure.suptitle("Medians and 89 % intervals: each literature under its own prior, and the joint posterior")

# %% [markdown]
# ## 4. The literature as a prior
#
# The bundled prior is this joint posterior for a soil of no literature, as a
# multivariate t whose fit to the draws was checked. Its tails are heavy, as
# the spread between literatures is itself uncertain. It can be used in any
# model. Here: glucose of 0.2 mg C/g with a label is given to a soil of 0.3 mg
# C/g of microbial biomass. How much of the label will be respired within
# three weeks, before anything is measured?

# %%
prior = sb.load_prior()
print(pd.DataFrame({"scale": prior.scales, "centre": prior.centre, "distance to t": prior.distances}, prior.names))
print(f"degrees of freedom {prior.degrees_of_freedom:.1f}, distance of all together {prior.joint_distance:.3f}")
days = np.arange(22)
biomass, dissolved, dose = 0.3, 0.01, 0.2
labelled = sb.core.with_label(sb.core.without(sb.structures.get("mcp"), ("mineral_necromass", "mineral_plant")))


def respired(soil: dict) -> object:
    """Label respired by the end of each day, mg C/g: tensor (day,)."""
    native = {"dissolved_native": dissolved, "microbes_native": biomass, "necromass_native": 20 * biomass}
    start = np.array([native.get(pool, dose if pool == "dissolved_label" else 0.0) for pool in labelled.pools])
    turnover, efficiency = soil["microbial_turnover"], soil["carbon_use_efficiency"]
    half = soil["half_saturating_biomass"]
    uptake = turnover / efficiency
    supply = uptake - (1 - soil["residue_share"]) * turnover
    rates = {
        "e_ref": efficiency,
        "k_death": turnover,
        "necromass_share": soil["residue_share"],
        "k_particulate": half * biomass,
        "v_necromass": supply * (1 + half) / 20,
        "k_dissolved": 0.5,
        "v_dissolved": uptake * (0.5 + dissolved) / dissolved,
    }
    out = sb.core.integrate(labelled, start, rates, {"litter_input": 0.0}, times=days, steps=24)
    return out[:, 0, labelled.state.index("co2_label")]


with pm.Model(coords={"day": days}) as forecast:
    pm.Deterministic("respired", respired(prior.sample()), dims="day")
before = pm.sample_prior_predictive(400, model=forecast, random_seed=2)["prior"]["respired"].to_numpy()[0]

# %% [markdown]
# Suppose one jar is then measured on four days, give or take 5 % of the dose
# (numbers made up for this page).

# %%
seen_days, seen = np.array([1, 3, 7, 21]), np.array([0.045, 0.066, 0.080, 0.090])
with pm.Model(coords={"day": days}) as updated:
    path = pm.Deterministic("respired", respired(prior.sample()), dims="day")
    pm.Normal("label_co2", path[seen_days], 0.05 * dose, observed=seen)
measured = sb.fit(updated, seed=3, store=folder / "jar", progress=False, **effort())
after = measured["posterior"]["respired"].to_numpy().reshape(-1, days.size)

figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for values, colour, label in ((before, "0.6", "literature alone"), (after, "C0", "and one jar")):
    low, middle, high = np.quantile(100 * values / dose, ENDS, axis=0)
    axis.fill_between(days, low, high, color=colour, alpha=0.3, label=f"{label}: 89 % interval")
    axis.plot(days, middle, color=colour)
axis.plot(seen_days, 100 * seen / dose, "k.", label="measured")
_ = axis.set(xlabel="day", ylabel="label respired [% of dose]")
_ = axis.legend(frameon=False)

# %%
width = [np.ptp(np.quantile(values[:, -1], ENDS)) / dose for values in (before, after)]
print(
    f"89 % interval of label respired by day 21: {100 * width[0]:.0f} % of the dose wide, then {100 * width[1]:.0f} %"
)
efficiency = measured["posterior"]["carbon_use_efficiency"].to_numpy().ravel()
middle, low, high = interval(efficiency)
print(f"carbon use efficiency of this soil: {middle:.2f} ({low:.2f} to {high:.2f}, 89 %)")
