"""Tables of the enricher."""
