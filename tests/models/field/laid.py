"""Tables laid out as the model lays them out."""

from __future__ import annotations

from socbayes.models.field import layout
from socbayes.models.field.faults import require_sound
from socbayes.models.field.layout import Layout
from socbayes.models.field.setup import setup_of
from socbayes.models.field.tables import judged


def lay_out(obs, management=None, weather=None, *, structure, until=None, seen=None, **settings) -> Layout:
    """Judge tables, refuse what a structure cannot run, and lay the rest out."""
    setup = setup_of(structure, **settings)
    tables = judged(obs, management, weather)
    require_sound(tables, setup)
    return layout.lay_out(tables, setup, until=until, seen=seen)
