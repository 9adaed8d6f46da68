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
# # One soil, three carbon use efficiencies
#
# Microbes keep a part of the carbon they take up and respire the rest. That
# part, the carbon use efficiency (CUE), decides how much of what enters a soil
# can stay there. Give the same soil to three laboratories and they will print
# three values: one from labelled glucose after an hour, one after two days,
# one from growth seen with ¹⁸O in water. Which one is the soil's?
#
# The process model of socbayes treats every method as an observation of the
# same microbes. Label leaves biomass again as microbes die and their remains
# are eaten, so a labelled value falls with time; ¹⁸O sees the growth of the
# moment. What is common to all of them is the *intrinsic* efficiency.
#
# The fit takes minutes and is not repeated here: the package carries a thinned
# posterior, loaded by name and version. `SOCBAYES_REFIT=1` samples it anew.
# Intervals are equal-tailed, 89 %.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.models.cue.scenarios import printed
from socbayes.vocabulary import CI_PROB
from socbayes.wording import said


def effort() -> dict[str, int]:
    """Draws of a refit: enough to use, or with SOCBAYES_FAST=1 just enough to run through."""
    if os.environ.get("SOCBAYES_FAST") == "1":
        return {"draws": 50, "tune": 150, "chains": 2}
    return {"draws": 1500, "tune": 1000, "chains": 4}


ENDS = [0.5 - CI_PROB / 2, 0.5, 0.5 + CI_PROB / 2]
published = sb.load_dataset("cue")
if os.environ.get("SOCBAYES_REFIT") == "1":
    model = sb.models.cue.process.build(published)
    fit = sb.fit(model, seed=12, store=Path(mkdtemp()) / "cue_process", progress=False, **effort())
else:
    fit = sb.load_posterior("cue_process", version=1)
posterior = fit["posterior"].to_dataset()
print(
    f"{len(published)} published values of {published['study'].nunique()} studies; fit of {fit.attrs['created'][:10]}: "
    f"R-hat {fit.attrs['max_r_hat']:.3f}, {fit.attrs['min_ess_bulk']:.0f} effective draws or more, "
    f"{fit.attrs['divergences']} divergences"
)

# %% [markdown]
# ## 1. What each method would print of the same soil
#
# At 15 °C, in the typical study.

# %%
sb.plots.printed_efficiency(fit)

# %% [markdown]
# The labelled value after one hour and the one after two days are nearly the
# same: microbes do not turn over fast enough for label to leave them within
# days. The gap to ¹⁸O is large, and it is not a matter of time. It is that
# glucose is kept better than what microbes live on (*substrate*), and that the
# methods disagree (*method*). Taken apart, from the intrinsic efficiency to
# what labelled glucose shows after 48 hours:

# %%
hours = np.geomspace(0.5, 24 * 90, 25)
seen = printed(fit, hours)
steps = printed(fit, (1.0, 48.0, 720.0))
table = steps["difference"].quantile(ENDS, "sample").sel(hours=48.0, drop=True).to_pandas().T
table.columns = ["lower", "median", "upper"]
print("added to the logit of the efficiency, labelled glucose after 48 h (0.4 is about 0.1 CUE at 0.5)")
print(table.round(2).to_string())
fall = (steps["labelled"].sel(hours=1.0) - steps["labelled"].sel(hours=48.0)).to_numpy()
gap = (steps["labelled"].sel(hours=48.0) - steps["printed"].sel(measurement_method="water_18O")).to_numpy()
print(f"from 1 h to 48 h the printed value falls by {said(fall)}; 48 h of glucose lie {said(gap)} above ¹⁸O")

# %% [markdown]
# ## 2. When time does matter
#
# Over weeks. The curve is what labelled glucose would show; the line is the
# residence time of biomass. A month of incubation measures turnover as much as
# efficiency. Both are of the typical study: those that followed their label
# through time disagree about how fast it is lost, so each has a pace of its own.

# %%
figure, axis = plt.subplots(figsize=(6.6, 3.6), layout="constrained")
low, middle, high = seen["labelled"].quantile(ENDS, "sample").to_numpy()
axis.fill_between(hours / 24, low, high, color="C0", alpha=0.25, label="89 % interval")
axis.plot(hours / 24, middle, color="C0", label="labelled glucose")
residence = 1 / posterior["turnover"].to_numpy().ravel()
axis.axvline(np.median(residence), color="0.5", linestyle=":", label="residence time of biomass")
axis.set(xscale="log", ylim=(0, 1), xlabel="incubation (days)", ylabel="printed CUE at 15 °C (fraction)")
_ = axis.legend(frameon=False)
print(f"microbial biomass stays {said(residence, 'days')} at 15 °C in the typical study")
apart = np.exp(posterior["turnover_sd"].to_numpy().ravel())
print(f"a third of the studies that followed label through time are further from it than a factor of {said(apart)}")
followed = published["study"].isin(["Chander et al. 2001", "Chotte et al. 1998"])
glucose = published[followed & (published["substrate_class"] == "glucose")]
print("\nlabelled glucose in two studies, mean printed CUE by hours:")
print(glucose.groupby(["study", "incubation_time"])["carbon_use_efficiency"].mean().round(2).to_string())

# %% [markdown]
# ## 3. Efficiency free of method, by ecosystem
#
# Means of printed values differ by ecosystem, and much of that is what was
# labelled and for how long: grassland soils were given glucose and amino acids
# for a day, forest soils more organic acids and water, and a fifth of the values
# of cropland soils are of residues.

# %%
sb.plots.intrinsic_by_ecosystem(fit)

# %%
common = ["cropland", "forest", "grassland"]
there = published[published["ecosystem"].isin(common)]
how = pd.crosstab(there["ecosystem"], there["substrate_class"], normalize="index")
print("share of the published values by substrate (%)")
print((100 * how).round(0).astype(int).to_string())
by = posterior["intrinsic_efficiency_by_ecosystem"].sel(ecosystem=common).to_numpy().reshape(-1, len(common))
raw = published.groupby("ecosystem")["carbon_use_efficiency"].mean()[common]
print(f"\nspread between {', '.join(common)}: {np.ptp(raw):.2f} as printed, {said(np.ptp(by, axis=1))} intrinsic")

# %% [markdown]
# ## 4. Temperature
#
# A line through all published values falls steeply. Within studies, where the
# same soil was measured warm and cold, less of it is left, and what is left
# depends on the method: label shows it, growth seen by ¹⁸O hardly does. Warm
# *studies* differ from cold ones in more than temperature.

# %%
sb.plots.temperature_slopes(fit)

# %%
slope = posterior["slope_method"] * 0.25
for method in slope["measurement_method"].to_numpy():
    draws = slope.sel(measurement_method=method).to_numpy().ravel()
    print(f"{method}: {said(draws, 'per °C', signed=True)}, falls with probability {(draws < 0).mean():.2f}")
print("mean over methods:", said(posterior["temperature_slope_mean"].to_numpy().ravel(), "per °C", signed=True))

# %% [markdown]
# ## 5. What the published spread is made of

# %%
sb.plots.spread_shares(fit)

# %%
share = 100 * posterior["spread_share"]
parts = {
    "how it was measured (method, substrate, time)": ["method", "substrate", "incubation time"],
    "where (ecosystem, temperature)": ["ecosystem", "temperature within studies", "temperature between studies"],
    "the study, all columns equal": ["study"],
    "scatter within a study": ["scatter"],
}
for name, causes in parts.items():
    print(f"{name}: {said(share.sel(cause=causes).sum('cause').to_numpy().ravel(), '%')}")

# %% [markdown]
# ## 6. What the data could not tell
#
# The intrinsic efficiency itself stays uncertain, and more studies of the usual
# kind will not change that. The data hold the differences between methods, not
# which of them is right: each has a discrepancy of its own with a standard
# deviation of 0.5 on the logit scale, and the mean of three such numbers is
# unknown however many values are published.

# %%
gaps = posterior["discrepancy"]
between = gaps.sel(measurement_method="substrate_label") - gaps.sel(measurement_method="water_18O")
print("intrinsic efficiency at 15 °C:", said(posterior["intrinsic_efficiency"].to_numpy().ravel()))
print(f"standard deviation of its logit {float(posterior['level'].std()):.2f}; of the mean discrepancy 0.5 / √3 = 0.29")
print(f"difference of labelled substrates and ¹⁸O: {said(between.to_numpy().ravel())} on the logit scale")

# %% [markdown]
# **In short.** Between an hour and two days incubation time hardly matters in
# the typical study, though a few lost much of their label within days; substrate
# and method do matter. Ecosystems differ by less than their printed means
# say. The fall with temperature within studies is shown by labelled substrates
# and not by ¹⁸O. Most that could be learned next lies in paired measurements:
# the same soil, two methods, one of them followed for a month.
