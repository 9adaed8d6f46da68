"""Published SOC structures, one per file."""
