"""What methods would print of one soil, from the stored posterior."""

from __future__ import annotations

import numpy as np
import pytest

import socbayes as sb
from socbayes.errors import UnknownNameError
from socbayes.models.cue.scenarios import printed


@pytest.fixture(scope="module")
def fitted():
    return sb.load_posterior("cue_process")


def logit(p):
    return np.log(p) - np.log1p(-p)


def test_differences_add_up_to_what_is_printed(fitted):
    seen = printed(fitted, hours=(1.0, 48.0, 720.0), draws=50)
    total = logit(seen["intrinsic"]) + seen["difference"].sum("cause")
    np.testing.assert_allclose(total, logit(seen["labelled"]), rtol=1e-6)
    assert (seen["labelled"].diff("hours") < 0).all()
    assert (seen["difference"].sel(cause="incubation time") < 0).all()


def test_loss_of_label_is_that_of_the_model(fitted):
    """At an efficiency of a half the model reports the same loss."""
    seen = printed(fitted, hours=(720.0,), draws=800)
    loss = fitted["posterior"]["lost_label"].sel(hours=720.0)
    assert 0.6 < float(loss.median()) < 1.0
    assert float(np.exp(seen["difference"].sel(cause="incubation time")).median()) < 1.0


def test_methods_without_label_depart_by_their_discrepancy(fitted):
    seen = printed(fitted, draws=50)
    gap = logit(seen["printed"]) - logit(seen["intrinsic"])
    assert seen["measurement_method"].to_numpy().tolist() == ["metabolic_flux", "water_18O"]
    assert (gap.sel(measurement_method="water_18O") < gap.sel(measurement_method="metabolic_flux")).mean() > 0.99


def test_unknown_substrate_gets_a_hint(fitted):
    with pytest.raises(UnknownNameError, match="did you mean 'glucose'"):
        printed(fitted, substrate="glucos")
