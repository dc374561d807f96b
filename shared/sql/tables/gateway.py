"""Tables of the gateway."""
