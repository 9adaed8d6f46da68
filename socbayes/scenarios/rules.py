"""Rules of crediting: what makes a credited quantity of a distribution, and what may be withheld."""

from __future__ import annotations

from dataclasses import dataclass

from socbayes.errors import SocbayesError, UnknownNameError
from socbayes.vocabulary import nearest


@dataclass(frozen=True)
class Rule:
    """How a rule makes a credited quantity of a distribution.

    Parameters
    ----------
    name, title
        Name to ask for it by; document, version and equation.
    level
        One-sided probability that the true mean exceeds what is credited.
    smallest_buffer, largest_buffer
        Limits of the share withheld against reversals.
    by_draws
        Whether the quantile of the draws is what is credited; else the formula is, which takes them for symmetric.
    """

    name: str
    title: str
    level: float
    smallest_buffer: float = 0.0
    largest_buffer: float = 1.0
    by_draws: bool = False


RULES = {
    rule.name: rule
    for rule in (
        Rule("vm0042_v2_2", "Verra VM0042 v2.2 of 2025, equations 65-69 and 74-79", 0.667, 0.12, 0.60),
        Rule(
            "rainbow", "10th percentile of a posterior distribution, as Rainbow's enhanced weathering method", 0.90,
            by_draws=True,
        ),
    )
}  # fmt: skip
USUAL_RULE = "vm0042_v2_2"
"""Where none is asked for."""


def rule_named(name: str) -> Rule:
    """A rule by its name.

    Parameters
    ----------
    name
        One of ``RULES``.

    Raises
    ------
    UnknownNameError
        If there is none of that name, with the nearest.
    """
    if isinstance(name, str) and name in RULES:
        return RULES[name]
    hint = nearest(str(name), list(RULES))
    raise UnknownNameError(
        f"there is no rule {name!r}" + (f"; did you mean {hint!r}?" if hint else "") + f" (rules: {', '.join(RULES)})"
    )


def require_buffer(buffer: float | None, rule: Rule) -> None:
    """Refuse a buffer outside what a rule allows.

    Parameters
    ----------
    buffer
        Share withheld against reversals; None for none.
    rule
        That withholds it.

    Raises
    ------
    SocbayesError
        If it is.
    """
    if buffer is not None and (isinstance(buffer, bool) or not isinstance(buffer, (int, float))):
        raise SocbayesError(f"a buffer is a share, such as 0.12, not {buffer!r}")
    if buffer is not None and not rule.smallest_buffer <= buffer <= rule.largest_buffer:
        limits = f"{rule.smallest_buffer:g} to {rule.largest_buffer:g}"
        percent = f"; {buffer:g} percent is {buffer / 100:g}" if buffer > 1.0 else ""
        raise SocbayesError(
            f"a buffer of {buffer:g} is outside what {rule.name} allows, a share from {limits}{percent}"
        )
