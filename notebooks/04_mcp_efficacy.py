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
# # Which lever does a practice pull?
#
# Trials compare a treated soil with its control and report two numbers: how
# much microbial necromass there is, and how much soil organic carbon (SOC).
# With n the log ratio of necromass and s that of SOC, the necromass share E
# changes by ΔE = E (exp(n - s) - 1), the change that Zhu, Schimel and Liang
# (2025, doi:10.1016/j.soilbio.2025.109950) call the efficacy of the microbial
# carbon pump (ΔMCP efficacy). Sectors, their names and the band of no practical
# change are those of this package, not theirs.
#
# The process model asks what is behind the two numbers. A practice may bring
# more *input*, make microbes more *efficient*, speed *depolymerisation*, or
# have minerals *protect* carbon longer; a pair is a run from the steady state
# of its control for as long as the trial lasted.
#
# The fit takes minutes and is not repeated here: the package carries a thinned
# posterior, loaded by name and version. `SOCBAYES_REFIT=1` samples it anew.
# Intervals are equal-tailed, 89 %. **The necromass tables are under CC BY-NC
# 4.0: neither they nor what was learned from them may be used commercially.**

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import socbayes as sb
from socbayes.models.mcp.process import LEVERS
from socbayes.models.mcp.scenarios import contraction, forecast, pulled, sector_probabilities
from socbayes.plots.style import readable
from socbayes.wording import said


def effort() -> dict[str, int]:
    """Draws of a refit: enough to use, or with SOCBAYES_FAST=1 just enough to run through."""
    if os.environ.get("SOCBAYES_FAST") == "1":
        return {"draws": 50, "tune": 150, "chains": 2}
    return {"draws": 1500, "tune": 1000, "chains": 4}


FAST = os.environ.get("SOCBAYES_FAST") == "1"
RUNS = 60 if FAST else 400
pairs, levels = sb.load_dataset("necromass_pairs"), sb.load_dataset("necromass_levels")
if os.environ.get("SOCBAYES_REFIT") == "1":
    model = sb.models.mcp.process.build(pairs, levels)
    fit = sb.fit(model, seed=12, store=Path(mkdtemp()) / "mcp_process", progress=False, **effort())
else:
    fit = sb.load_posterior("mcp_process", version=1)
posterior = fit["posterior"].to_dataset()
print(
    f"{len(pairs)} pairs of {pairs['study'].nunique()} studies, {pairs['practice'].nunique()} practices; fit of "
    f"{fit.attrs['created'][:10]}: R-hat {fit.attrs['max_r_hat']:.3f}, {fit.attrs['min_ess_bulk']:.0f} effective draws "
    f"or more, {fit.attrs['divergences']} divergences"
)

# %% [markdown]
# ## 1. The levers
#
# Shifts in the average study of a practice. Hardly any interval excludes zero:
# two log ratios per pair do not identify four levers. That is not the end of
# it, as the next section shows.

# %%
sb.plots.pump_levers(fit)

# %% [markdown]
# ## 2. Why three levers look alike and one does not
#
# What a shift of 0.2 of each lever, pulled alone, does to SOC and necromass
# after 3 and after 30 years, in the average study. More input, slower
# depolymerisation and longer protection move a soil along nearly the same
# line (note the scales): carbon gains, necromass with it. Efficiency is different: necromass
# gains and carbon hardly does. No number of further pairs of this kind will
# part the first three; their time course would.

# %%
horizons = (3.0, 30.0)
practice = "straw_return"
figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.0), layout="constrained")
colours = dict(zip(LEVERS, ("C0", "C1", "C2", "C4"), strict=True))
angles = {}
for axis, years in zip(axes, horizons, strict=True):
    unit = pulled(fit, years, draws=RUNS // 2)["by_unit"].sel(practice=practice)
    signs = {name: -0.2 if name == "depolymerisation" else 0.2 for name in LEVERS}
    for name in LEVERS:
        n, s = (signs[name] * unit.sel(lever=name, response=r) for r in ("necromass", "soil_organic_carbon"))
        axis.plot(100 * s, 100 * n, ".", color=colours[name], alpha=0.12, markersize=3)
        label = f"{name} {signs[name]:+g}"
        axis.annotate(
            "", (100 * float(s.median()), 100 * float(n.median())), (0, 0),
            arrowprops={"arrowstyle": "->", "color": colours[name], "lw": 2},
        )  # fmt: skip
        axis.plot([], [], color=colours[name], label=label)
        angles[years, name] = np.degrees(np.arctan2(n, s)).to_numpy()
    axis.axline((0, 0), slope=1, color="0.7", linewidth=0.8, zorder=0)
    reach = (-1, 5) if years < 10 else (-2, 16)
    axis.set(title=f"after {years:g} years", xlabel="soil organic carbon, 100 s (%)", xlim=reach, ylim=reach)
axes[0].set_ylabel("necromass, 100 n (%)")
axes[0].legend(frameon=False, loc="upper left")
_ = figure.suptitle("points: posterior draws; arrows: medians; grey line: share unchanged (ΔE = 0)")
for years in horizons:
    print(f"after {years:g} years, direction in the plane (45 degrees: share unchanged; 90: necromass alone)")
    for name in LEVERS:
        print(f"  {name}: {said(angles[years, name], 'degrees')}")

# %% [markdown]
# So efficiency can be judged. Chance that a practice raised it, and how much of
# its prior variance the data took away:

# %%
lever = posterior["practice_lever"].stack(sample=("chain", "draw"))
raised = (lever.sel(lever="efficiency") > 0).mean("sample").to_series()
learned = contraction(fit)
summary = pd.DataFrame(
    {
        "studies": pairs.groupby("practice")["study"].nunique(),
        "P(efficiency up)": raised.round(2),
        "learned of efficiency (%)": (100 * learned.sel(lever="efficiency")).to_series().round(0),
        "of the other levers (%)": (100 * learned.drop_sel(lever="efficiency")).mean("lever").to_series().round(0),
    }
)
print(summary.sort_values("P(efficiency up)", ascending=False).to_string())

# %% [markdown]
# ## 3. What to expect after 10, 30 and 100 years
#
# Probability of each sector of the (n, s) plane in a *new* study. A rise of the
# share is no gain of carbon by itself: light blue and green raise E while SOC
# falls.

# %%
outlook = forecast(fit, (10.0, 30.0, 100.0), draws=RUNS)
sb.plots.pump_forecast_sectors(outlook)

# %%
chances = sector_probabilities(outlook["log_ratio"]).sel(study="new study")
both = chances.sel(sector=["both gain, necromass leads", "both gain, diluted by other carbon"]).sum("sector")
wide = both.to_pandas().sort_values(100.0, ascending=False)
print("probability that necromass and SOC both gain in a new study")
print(wide.round(2).to_string())
# %% [markdown]
# ## 4. ΔE
#
# The same runs as change of the necromass share. In the first decade practices
# that bring carbon dilute necromass (ΔE around or below zero); necromass
# catches up over the decades. A trial of ten years and one of a hundred can
# disagree in sign about the same practice.

# %%
sb.plots.pump_forecast_efficacy(outlook)

# %%
change = 100 * outlook["efficacy_change"].sel(study="average study")
median = change.median("sample").to_pandas()
turned = median[(median[10.0] < 0) & (median[100.0] > 0)].index
print("median ΔE below zero after 10 and above zero after 100 years:", ", ".join(map(readable, turned)) or "none")
for name in turned:
    later = (change.sel(practice=name, year=100.0) > change.sel(practice=name, year=10.0)).mean()
    print(f"  {readable(name)}: higher after 100 than after 10 years with probability {float(later):.2f}")

# %% [markdown]
# ## 5. What the data could not tell
#
# One less posterior over prior variance of every lever, in percent: 0 where
# the data said nothing. Nothing is near 100.

# %%
sb.plots.pump_contraction(fit)

# %% [markdown]
# **In short.** Pairs of necromass and carbon see one lever, efficiency, because
# it alone moves necromass without carbon; the other three look alike in them.
# Forecasts are wide for a new study, and none of them says that a practice is
# sure to raise both. Measurements that would part the levers are repeated
# samples of one trial, input of carbon itself, and carbon on minerals.
