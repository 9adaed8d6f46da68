"""What a check found, and all checks of a fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from socbayes.inference.catalogue import GATES
from socbayes.spec import joined

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class CannotRunError(Exception):
    """A check lacks what it needs; the message says what and why."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Parameters
    ----------
    name
        Name of the check.
    passed
        Verdict of a gate; None for a check that only informs, or could not run.
    text
        The finding in one or two sentences.
    table
        The numbers behind it; empty when the check could not run.
    figure
        Draws the finding and returns the figure; None when there is nothing to draw.
    """

    name: str
    passed: bool | None
    text: str
    table: pd.DataFrame
    figure: Callable[[], Figure] | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words: passed, FAILED, for information or not run."""
        if self.passed is None:
            return "not run" if self.table.empty else "for information"
        return "passed" if self.passed else "FAILED"

    def __repr__(self) -> str:
        return f"{self.name}: {self.verdict}. {self.text}"


@dataclass(frozen=True, repr=False)
class Checks(Mapping[str, CheckResult]):
    """The checks of one fit, by name.

    Examples
    --------
    >>> import pandas as pd
    >>> numbers = pd.DataFrame({"divergences": [3]})
    >>> checks = Checks({"divergences": CheckResult("divergences", False, "3 divergent transitions.", numbers)})
    >>> checks.passed
    False
    >>> checks["divergences"].verdict
    'FAILED'
    """

    results: Mapping[str, CheckResult] = field(default_factory=dict)

    def __getitem__(self, name: str) -> CheckResult:
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def failures(self) -> list[str]:
        """Names of the gates that failed, or that could not be judged though a fit needs them."""
        failed = [name for name, result in self.results.items() if result.passed is False]
        return failed + [name for name in GATES if name not in self.results or self.results[name].passed is None]

    @property
    def passed(self) -> bool:
        """Whether every gate was judged and passed."""
        return not self.failures

    @property
    def table(self) -> pd.DataFrame:
        """One row per check: verdict and text."""
        import pandas as pd

        return pd.DataFrame(
            {
                "verdict": [result.verdict for result in self.results.values()],
                "text": [result.text for result in self.results.values()],
            },
            index=pd.Index(list(self.results), name="check"),
        )

    @property
    def headline(self) -> str:
        """Overall verdict in one line."""
        if self.passed:
            return "This fit passed its checks."
        return f"THIS FIT DID NOT PASS: {joined(self.failures)}. Do not use its numbers."

    def __repr__(self) -> str:
        return "\n".join([self.headline, *(f"  {result!r}" for result in self.results.values())])

    def _repr_html_(self) -> str:
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):
            return f"<p><strong>{self.headline}</strong></p>{self.table.to_html()}"
