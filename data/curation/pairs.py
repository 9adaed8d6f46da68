"""What scripts share that compare treated soils with their controls: arms of samples as pairs of means."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

ARM_COLUMNS = ("mean", "sd", "n")


def arms(samples: pd.DataFrame, by: Sequence[str], plot: Sequence[str]) -> pd.DataFrame:
    """Mean, standard deviation and number of plots of the samples that agree in ``by``; cores of a plot averaged first.

    Parameters
    ----------
    samples
        Column ``value`` and those named.
    by
        Columns that name an arm: place, layer, time and treatment.
    plot
        Columns that name a plot within an arm; none where a row is one.
    """
    usable = samples[samples["value"] > 0]
    if plot:
        usable = usable.groupby([*by, *plot], dropna=False, as_index=False)["value"].mean()
    found = usable.groupby(list(by), dropna=False)["value"].agg(["mean", "std", "size"]).reset_index()
    return found.rename(columns={"std": "sd", "size": "n"})


def beside_control(
    found: pd.DataFrame, by: Sequence[str], control: str, levers: dict[str, str], doses: dict[str, float] | None = None
) -> pd.DataFrame:
    """One row for each treated arm beside the control of its place, layer and time.

    Parameters
    ----------
    found
        As :func:`arms` returns it, with the column ``treatment``.
    by
        Columns other than the treatment.
    control
        Name of the control.
    levers
        Lever of each treatment; others are left out.
    doses
        Dose of each treatment, where there is one.
    """
    treated = found[found["treatment"].isin(list(levers))]
    controls = found[found["treatment"] == control].drop(columns="treatment")
    both = treated.merge(controls, on=list(by), suffixes=("_treated", "_control"))
    pairs = both[list(by)].copy()
    pairs["lever"] = both["treatment"].map(levers)
    pairs["control_mean"], pairs["treated_mean"] = both["mean_control"], both["mean_treated"]
    # A spread of one plot is none, and one of zero is a value that was copied.
    pairs["control_sd"] = both["sd_control"].where(both["sd_control"] > 0)
    pairs["treated_sd"] = both["sd_treated"].where(both["sd_treated"] > 0)
    pairs["control_replicates"], pairs["replicates"] = both["n_control"], both["n_treated"]
    if doses:
        pairs["lever_dose"] = both["treatment"].map(doses)
    return pairs.sort_values([*by, "lever"], kind="stable")
