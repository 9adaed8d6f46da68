"""Settings common to all tests, and how they are spread over workers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings

# Compiling inside an example, or a busy machine, is no fault of the code under test.
settings.register_profile("socbayes", deadline=None, derandomize=True)
settings.load_profile("socbayes")

ONE_BY_ONE = "tests/test_notebooks"
"""Files of which each test goes to whichever worker is free: they share nothing, and take minutes."""
FIRST = ("tests/test_notebooks_that_fit.py", ONE_BY_ONE, "tests/models/")
"""What takes longest for its number of tests, so that all workers are busy to the end."""


def unit_of(nodeid: str) -> str:
    """What one worker runs as a whole: a file, whose fits its tests share, or a test that shares none."""
    return nodeid if nodeid.startswith(ONE_BY_ONE) else nodeid.split("::", 1)[0]


def pytest_collection_modifyitems(config, items):
    """Where several workers run tests, put those first that take longest; then files of many tests."""
    if not hasattr(config, "workerinput"):
        return
    sizes = Counter(item.nodeid.split("::", 1)[0] for item in items)

    def turn(item):
        file = item.nodeid.split("::", 1)[0]
        first = [place for place, start in enumerate(FIRST) if file.startswith(start)]
        return (first or [len(FIRST)])[0], -sizes[file], file

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Spread files over workers as ``--dist loadfile`` does, in the order of the tests, but notebooks one by one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Spread(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return Spread(config, log)
