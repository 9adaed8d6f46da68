"""Bundled literature tables."""
