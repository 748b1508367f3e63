"""The CNNs, one file per family; each returns the outputs of its stages."""
