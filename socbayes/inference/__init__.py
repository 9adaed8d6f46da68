"""Fitting, checking and comparing models."""
