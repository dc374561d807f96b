"""Tables of the router."""
