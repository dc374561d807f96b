"""Kinds of input that a running Baton must get right, one file a kind: tables of input and right value."""
