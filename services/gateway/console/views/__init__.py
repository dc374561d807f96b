"""What the templates get: frozen structs, made from rows by pure functions."""
