"""Settings common to all tests."""

from hypothesis import settings

# Compiling inside an example, or a busy machine, is no fault of the code under test.
settings.register_profile("socbayes", deadline=None, derandomize=True)
settings.load_profile("socbayes")
