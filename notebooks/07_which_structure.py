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
# # Which structure? Ask the years it has not seen
#
# Hoosfield at Rothamsted has grown spring barley every year since 1852: one
# plot without manure, one with farmyard manure every year, one with manure for
# the first twenty years only. Every structure with a slow pool can be drawn
# through such a curve, so a good fit says little. Here two structures, one of
# them also with noise of its own, are fitted to the first two thirds of the
# time and judged by the rest; then their forecasts are mixed, and the
# disagreement between them is shown as the part of the uncertainty that it is.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.models.field import average, forecast
from socbayes.models.field.foresight import leave_future_out, split_future
from socbayes.vocabulary import CI_PROB


def effort() -> dict[str, int]:
    """Draws of a fit: enough to use, or with SOCBAYES_FAST=1 just enough to run through."""
    if os.environ.get("SOCBAYES_FAST") == "1":
        return {"draws": 50, "tune": 150, "chains": 2}
    return {"draws": 1000, "tune": 800, "chains": 4}


folder = Path(mkdtemp())

# %% [markdown]
# ## 1. The data
#
# Carbon stocks of 0 to 23 cm at eight dates, barley yields by decade, manure as
# spread, annual mean temperatures (Rothamsted Research, CC BY 4.0). Inputs
# follow from yields. What the tables leave out is filled by rules that each
# model names.

# %%
STUDY = "Hoosfield barley"
obs = sb.load_dataset("field_soc").query("study == @STUDY").reset_index(drop=True)
management = sb.load_dataset("field_management").query("study == @STUDY")
weather = sb.load_dataset("field_weather")
past, future = split_future(obs)
print(f"{len(past)} samples up to {past['year'].max():.0f} to learn from, {len(future)} later ones to foresee")
obs.pivot_table(index="year", columns="treatment", values="soc_stock").round(1)

# %%
structures = {
    "RothC": {"structure": "rothc"},
    "RothC and noise": {"structure": "rothc", "process_noise": True},
    "ICBM": {"structure": "icbm"},
}
for label, settings in structures.items():
    notes = sb.models.field.build(past, management, weather, **settings).socbayes_spec.notes
    print(label, *notes, sep="\n  - ")

# %% [markdown]
# RothC counts five pools, has a driver for manure and takes climate as its
# product of modifiers. ICBM has two pools, no driver of climate, and manure is
# added to its plant carbon. Inputs, starts and errors are treated alike, so a
# difference is one of structure. With `process_noise` the carbon of a plot also
# walks at random beside what its structure says: what RothC has not, such as a
# new variety or a wet decade, then widens forecasts instead of bending rate
# constants. More structures are one line each, as in `benchmarks/field.py`. A fit
# that does not converge is named as such; the table gives it a weight all the
# same, which is not to be used.

# %% [markdown]
# ## 2. Leave the future out
#
# `elpd` is the sum of log predictive densities of the later samples,
# measurement error included; the difference to the best has an error, paired by
# sample. `weight` is the share in the mixture that would have foreseen them
# best.

# %%
scores = leave_future_out(
    obs, management, weather, structures=structures, store=folder, seed=7, progress=False, **effort()
)
scores.round(2)

# %% [markdown]
# Read the error of the difference before the difference: with so few samples
# left out a structure must be very wrong to be ruled out, and with four samples
# a plot the coverage of intervals is a hint, no more. The weights were
# found on the same samples that the next figure shows, so the mixture looks a
# little better there than it would on years that nobody has seen.
#
# When this page was written the densities told none from another (differences
# of 1.2 with an error of 2.1 and 1.7 with one of 2.7), but the intervals did:
# those of 89 % held 67 % of the later samples with RothC, 83 % with ICBM, and
# 92 % with RothC and noise. All expected the unmanured plot to go on losing
# carbon, and it did not. That is a finding about structures, or about inputs
# from yields, and mixing does not mend it; noise allows for it beforehand, at
# the price of wide forecasts. All three fits converged; where one does not, its
# line is marked.

# %% [markdown]
# ## 3. What each had foreseen

# %%
years = sorted({*past["year"], *np.arange(past["year"].min(), 2000.0, 8.0), 2000.0})
fits = {label: sb.open_run(folder / label) for label in structures}
forecasts = {label: forecast(fit, years=years, draws=300, seed=8, parts=True) for label, fit in fits.items()}
mixed = average(forecasts, scores["weight"], draws=600, seed=9)

# %%
tail = 0.5 - CI_PROB / 2
plots = obs.drop_duplicates("plot").set_index("plot")["treatment"]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, layout="constrained")
for axis, (plot, treatment) in zip(axes, plots.items(), strict=True):
    for label, one in forecasts.items():
        total = one["known"].sel(plot=plot, fraction="total")
        axis.plot(years, total.median("sample"), linewidth=1, label=label)
    total = mixed["known"].sel(plot=plot, fraction="total")
    low, high = np.quantile(total, [tail, 1 - tail], axis=0)
    axis.fill_between(years, low, high, color="0.85", label="mixture")
    for rows, face in ((past, "black"), (future, "white")):
        here = rows[rows["plot"] == plot]
        axis.plot(here["year"], here["soc_stock"], "o", color="black", markerfacecolor=face, markersize=5)
    axis.axvline(past["year"].max(), color="0.6", linewidth=0.8, linestyle=":")
    axis.set_title(treatment, fontsize=10)
    axis.set_xlabel("year")
    axis.set_ylim(bottom=0)
axes[0].set_ylabel("organic carbon, 0-23 cm (t/ha)")
axes[0].legend(frameon=False, fontsize=8)
figure.suptitle(
    f"Medians of each structure, {100 * CI_PROB:.0f} % interval of the mixture; open circles were left out", fontsize=10
)
plt.show()

# %% [markdown]
# ## 4. What the forecast of 2000 is uncertain about
#
# Parts of the variance of the mixture: between structures, and within them the
# covariance of each block's own effect with the whole. A part below zero works
# against another one. `observation` is what one more sample would add to it.
# The picture shows shares, so that plots can be compared; the table is in (t/ha)².

# %%
variance = mixed["known_variance"].sel(fraction="total", year=2000.0).to_pandas()[list(plots.index)]
shares = 100 * variance / variance.drop("observation").sum()
figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
x = np.arange(len(shares.columns))
width = 0.8 / len(shares)
for position, (part, values) in enumerate(shares.iterrows()):
    axis.bar(x + (position - (len(shares) - 1) / 2) * width, values, width, label=part)
axis.axhline(0.0, color="0.3", linewidth=0.8)
axis.set_xticks(x, [plots[plot] for plot in shares.columns])
axis.set_ylabel("share of the variance of the\nstock in 2000 without its observation (%)")
axis.legend(frameon=False, fontsize=8, ncols=2)
plt.show()
print(variance.rename(columns=plots).round(2).to_string())

# %% [markdown]
# ## 5. What was learned of the site
#
# Input over what yields say, and what input would have held the carbon of 1852
# in balance: both rest on the structure, and that they differ between
# structures is the reason to mix them.

# %%
rows = {}
for label, fit in fits.items():
    posterior = fit["posterior"].to_dataset()
    for name in ("input_factor", "past_input_ratio"):
        if name in posterior:
            values = posterior[name].to_numpy().ravel()
            low, middle, high = np.quantile(values, [tail, 0.5, 1 - tail])
            rows[label, name] = {"median": middle, "low": low, "high": high}
print(f"low and high bound the {100 * CI_PROB:.0f} % interval")
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# ## 6. What a Rothamsted scientist would object to
#
# - **The manure plot is two questions.** Inputs of manure are stated in fresh
#   mass; we assume 8.6 % carbon, learn one factor for all years, and ICBM as it
#   stands here cannot tell manure from straw.
# - **Barley is not in balance with grain.** Straw is taken off at Hoosfield;
#   what stays is stubble and roots, which hardly follow yield. One factor over
#   allometric inputs mends the level, not the trend of a century of varieties.
# - **Moisture is missing.** Without pan evaporation the moisture modifier is
#   one all year, and plants are taken to cover the soil where no table says
#   otherwise. The level is learned, a dry summer is not.
# - **The soil got lighter.** Stocks of manured plots were put on equal soil mass
#   by the archive; that correction has an error nobody states, shared by all
#   later samples of a plot, while we take errors as independent.
# - **Early samples are few, and some are estimates** (the first stocks of 1852
#   stand for plots that were sampled later); we add 10 % to their error, which
#   is a guess.
# - **Three plots, one site.** The treatments are not replicated: what is called
#   an effect of a treatment is also one of its plot. Samples of one plot share
#   what the structure gets wrong, so the errors of the scores are lower bounds.
# - **Weather of the years left out was given.** This is a test of soil, not of
#   a forecast from 1950; and the weights come from the test itself.
# - **Radiocarbon would settle it.** RothC was made with it; the tables hold
#   none, so inert carbon is a prior here.
