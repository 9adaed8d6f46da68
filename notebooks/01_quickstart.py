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
# # Your own measurements beside the literature
#
# You measured the carbon use efficiency (CUE) of soil microbes in one
# experiment: how much of the carbon they take up becomes biomass. Two
# questions follow. What does your experiment say by itself, and what would
# the next one say, somewhere else?
#
# A hierarchical model answers both. It learns from the published literature
# how much studies differ, lends that knowledge to your few rows, and keeps
# the two answers apart. This notebook goes all the way: a table as it comes
# from the laboratory, validation, the model and its priors, the fit and its
# checks, the answers, one scenario, and a report to send to a colleague.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import socbayes as sb


def effort() -> dict[str, int]:
    """Draws of the fit: enough to use, or with SOCBAYES_FAST=1 just enough to run through."""
    if os.environ.get("SOCBAYES_FAST") == "1":
        return {"draws": 50, "tune": 150, "chains": 2}
    return {"draws": 1000, "tune": 1000, "chains": 4}


# %% [markdown]
# ## 1. The table from the laboratory
#
# Four temperatures, three replicates. The efficiency is in percent, the time
# in days, one column has a name of the house, one category is misspelt and
# one cell holds a word. (In your own work the file exists and this cell is
# not needed.)

# %%
folder = Path(mkdtemp())
(folder / "hillside.csv").write_text(
    """\
observation,study,carbon_use_efficiency [%],measurement_method,ecosystem,substrate_class,temp,incubation_time [d]
H01,Hillside 2024,37.2,water_18O,forest,water,5,1
H02,Hillside 2024,40.9,water_18O,forrest,water,5,1
H03,Hillside 2024,38.4,water_18O,forest,water,5,1
H04,Hillside 2024,35.8,water_18O,forest,water,12,1
H05,Hillside 2024,33.1,water_18O,forest,water,12,1
H06,Hillside 2024,36.5,water_18O,forest,water,12,1
H07,Hillside 2024,31.7,water_18O,forest,water,19,1
H08,Hillside 2024,lost,water_18O,forest,water,19,1
H09,Hillside 2024,34.0,water_18O,forest,water,19,1
H10,Hillside 2024,27.9,water_18O,forest,water,26,1
H11,Hillside 2024,30.2,water_18O,forest,water,26,1
H12,Hillside 2024,26.8,water_18O,forest,water,26,1
""",
    encoding="utf-8",
)
# %% [markdown]
# ## 2. Validate and mend
#
# `validate_table` says everything that is wrong at once: where it is, what
# was found, what was expected and what was probably meant. Nothing is
# guessed silently.

# %%
for fault in sb.validate_table(folder / "hillside.csv", schema="cue"):
    print("-", fault)

# %% [markdown]
# Each fault names its cure. The column `temp` gets its full name and its
# unit, the misspelt category is corrected, and the row without a measurement
# goes. `read_table` then converts percent to a fraction and days to hours,
# and keeps a record of having done so.

# %%
raw = pd.read_csv(folder / "hillside.csv")
raw = raw.rename(columns={"temp": "incubation_temperature [degC]"})
raw["ecosystem"] = raw["ecosystem"].replace("forrest", "forest")
raw = raw[raw["carbon_use_efficiency [%]"] != "lost"]
mine = sb.read_table(raw, schema="cue")
print(mine.attrs["conversions"])
mine.head()

# %% [markdown]
# ## 3. Join the literature
#
# One experiment cannot show how experiments differ; the model refuses a
# table with one study and says so. The bundled table holds the published
# measurements, each with its study.

# %%
literature = sb.load_dataset("cue")
print(literature.attrs["citation"])
table = pd.concat([literature, mine], ignore_index=True)
print(f"{len(literature)} published rows of {literature['study'].nunique()} studies, and {len(mine)} of ours")

# %% [markdown]
# ## 4. The model and its priors
#
# `build` returns a plain PyMC model and samples nothing, so it can be looked
# at, and changed, before anything is computed. Every prior has a name, a
# unit and a reason; pass `priors={name: (distribution, parameters)}` to
# replace one.

# %%
model = sb.models.cue.build(table)
sb.models.cue.prior_table()

# %% [markdown]
# ## 5. Fit
#
# Four chains of the No-U-Turn sampler. Draws reach the disk while they are
# made, so an interrupted run is not lost: `sb.resume(folder)` goes on with it,
# `sb.open_run(folder)` reads what is there.

# %%
fit = sb.fit(model, seed=20, store=folder / "run", progress=False, **effort())

# %% [markdown]
# ## 6. Check before reading anything
#
# A fit whose chains disagree has no results. The first three checks are
# gates; the others say where model and data disagree, which is a finding and
# not a fault of the computation. With `SOCBAYES_FAST=1` there are too few
# draws to pass, and the fit says that too.

# %%
checks = sb.check(fit)
for result in checks.values():
    print(result)

# %% [markdown]
# ## 7. What the measurements say
#
# CUE at 15 °C and 24 hours by measurement method and ecosystem. The
# interval everywhere is the central 89 %.

# %%
sb.plots.cue_by_method_and_ecosystem(fit)

# %% [markdown]
# The temperature slopes of single studies, each alone and as the model sees
# it: a study with few rows leans on the others, a study with many hardly
# does.

# %%
sb.plots.temperature_slopes(fit)

# %% [markdown]
# ## 8. Our study against a new one
#
# `predict_known` keeps the effects estimated for a study. `predict_new`
# draws them anew, because nobody knows what the next study will bring; its
# interval is wider, and it is the honest one for any place that was not
# measured. Both give what repeated measurements lie around, unless they are
# asked for one measurement; what we do not state is drawn, and named.

# %%
conditions = {"method": "water_18O", "ecosystem": "forest", "temperature": 15.0}
ours = sb.scenarios.predict_known(fit, study="Hillside 2024", **conditions)
new = sb.scenarios.predict_new(fit, seed=1, **conditions)
one = sb.scenarios.predict_new(fit, seed=1, of="measurement", **conditions)
answers = pd.DataFrame(
    {"our study": ours.to_numpy(), "a new study": new.to_numpy(), "one measurement there": one.to_numpy()}
)
print("drawn, because we did not say it:", new.attrs["integrated"])
answers.quantile([0.055, 0.5, 0.945]).round(3)

# %% [markdown]
# ## 9. A scenario: five degrees warmer
#
# Both scenarios use the same posterior draws, so what is common to them
# cancels in the difference. First for our own study, then for a new one.

# %%
scenarios = {
    "15 °C": {"temperature": 15.0, "method": "water_18O", "ecosystem": "forest"},
    "20 °C": {"temperature": 20.0, "method": "water_18O", "ecosystem": "forest"},
}
here = sb.scenarios.compare(fit, scenarios, study="Hillside 2024")
gain = sb.scenarios.compare(fit, scenarios, seed=2)
for sentence in [*here.text, *gain.text]:
    print(sentence)

# %%
sb.plots.scenario_differences(gain)

# %% [markdown]
# ## 10. The report
#
# One page that holds everything: question, data and citations, checks first,
# results, scenarios, limits, and how to reproduce it. It needs no network.

# %%
path = sb.report(fit, here, gain, path="report.html", checks=[checks])
print(path)
