"""The hierarchical PyMC models, one file each."""
