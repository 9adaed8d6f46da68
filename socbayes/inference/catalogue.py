"""The checks of a fit by name: what each asks, what it means to fail it, and what helps.

Said once: the gate, the report, the terminal and ``docs/checks.md`` read it here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckKind:
    """What a check is about.

    Parameters
    ----------
    name
        Name of the check.
    gate
        Whether a fit that fails it must not be used.
    asks
        The question it answers.
    means
        What is wrong with a fit that fails it, or with a model that it speaks against.
    helps
        What to do about it.
    needed
        Whether a fit is not trusted either where the check could not be run.
    """

    name: str
    gate: bool
    asks: str
    means: str
    helps: str
    needed: bool = False


_KINDS = (
    CheckKind(
        name="draws",
        gate=True,
        asks="Are the draws numbers that a sampler can have made: finite, moving, of separate chains?",
        means="The draws are damaged, or a chain stood still: quantiles and means of them are of nothing.",
        helps="sample more where draws are few; look at the named variable for a formula that divides by zero or "
        "overflows; sample again with other seeds for every chain and, where a chain stood still, with "
        "target_accept=0.99",
        needed=True,
    ),
    CheckKind(
        name="convergence",
        gate=True,
        asks="Do the chains agree, and do they hold enough independent draws, in every number?",
        means="Chains that disagree have not all found the posterior; with few independent draws the ends of "
        "intervals are left to chance.",
        helps="where R-hat is above 1.05, look at the chains of the named variable (sb.check(fit)"
        "['convergence'].figure()): two levels are two explanations of the data, for which the model needs more "
        "information or a sharper prior; else go on with the run (sb.resume(run, most_draws=6000), --most-draws of "
        "`socbayes resume`), or write the variable as a standardised one times its scale",
        needed=True,
    ),
    CheckKind(
        name="divergences",
        gate=True,
        asks="Could the sampler follow the posterior everywhere?",
        means="It could not follow a sharply bent part of the posterior, so that part is missing from the draws and "
        "intervals may be too narrow.",
        helps="sample with target_accept=0.95 or 0.99 (--target-accept of `socbayes fit`); if divergences stay, write "
        "group effects as standardised ones times their spread, or give spreads of few groups priors that keep away "
        "from zero",
        needed=True,
    ),
    CheckKind(
        name="energy",
        gate=True,
        asks="Does each chain reach the tails of the posterior fast enough?",
        means="Chains walk slowly between the tails of the posterior, so the tails are not known.",
        helps="write the spread that varies most against its groups another way (standardised effects), or sample "
        "longer",
        needed=True,
    ),
    CheckKind(
        name="climbs",
        gate=True,
        asks="Does an ascent from the draws, or from points of the prior, find a far better explanation of the data?",
        means="The chains agree on a place that is not where the data are explained best: a flat edge, or a lower "
        "one of several tops.",
        helps="give priors on the scale of the data, so that chains begin near it; plot the model at its starting "
        "point; then sample again with more climbs (sb.fit(model, climbs=16), --climbs of `socbayes fit`)",
    ),
    CheckKind(
        name="replication",
        gate=True,
        asks="Do data replicated by the fitted model have the mean and the spread of the data it was fitted to?",
        means="The fitted model describes other data than it was given, even where its chains agree: priors far from "
        "the data, a wrong unit, or a model that cannot take the shape of the data.",
        helps="compare units and scale of data and priors; look at the figure of the check posterior_predictive; "
        "widen or move the priors, or add what the model lacks",
    ),
    CheckKind(
        name="prior_predictive",
        gate=True,
        asks="Do the priors alone predict data of the kind that was observed?",
        means="The priors rule out much of the data, or put next to nothing where they are.",
        helps="compare units of priors and data; move or widen the priors of the named variable",
    ),
    CheckKind(
        name="posterior_predictive",
        gate=False,
        asks="Which of mean, spread, tails and extremes of the data does the model miss?",
        means="A finding on the model: it describes the data well but for what is named.",
        helps="report what is missed beside the results; a likelihood with heavier tails where extremes are missed",
    ),
    CheckKind(
        name="study_means",
        gate=False,
        asks="Does the model reproduce the mean of each study, or other group of rows?",
        means="A finding on the model: something that differs between the named groups is not in it.",
        helps="look at the named groups for an error of a unit, or a covariate that the model lacks",
    ),
    CheckKind(
        name="loo",
        gate=False,
        asks="How well is an observation predicted from the others, and which ones pull hard on the fit?",
        means="Scores of observations with a high Pareto k are unsure.",
        helps="look at the named observations; leave whole groups out (socbayes.inference.left_out) to compare models",
    ),
    CheckKind(
        name="loo_pit",
        gate=False,
        asks="Do intervals of observations left out hold the share they promise?",
        means="A finding on the model: its predictions of single observations are too sure, or too vague.",
        helps="do not use its predictive intervals as they are; let scatter differ between groups",
    ),
    CheckKind(
        name="prior_sensitivity",
        gate=False,
        asks="Which reported numbers would move had the priors been a little stronger or weaker?",
        means="The named numbers rest on what was assumed before the data.",
        helps="say so beside the number, with the source of its prior",
    ),
)

CATALOGUE: dict[str, CheckKind] = {kind.name: kind for kind in _KINDS}
"""Every check by name, in the order they are read."""

GATES = tuple(kind.name for kind in _KINDS if kind.needed)
"""Checks without which a fit is not trusted, even when they merely could not be run."""


def with_remedy(name: str, found: str) -> str:
    """Say what a check found with what helps.

    Parameters
    ----------
    name
        Name of a check.
    found
        A clause without its full stop.

    Examples
    --------
    >>> with_remedy("loo", "two observations pull hard").startswith("two observations pull hard. What helps: look at")
    True
    """
    return f"{found}. What helps: {CATALOGUE[name].helps}"
