"""The compiled SOC core."""
