"""A shop: its catalogue, its index and their nearest neighbours."""
