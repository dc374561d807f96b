"""Tables of the scorer."""
