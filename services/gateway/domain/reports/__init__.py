"""The reports: figures made from counters, beside the ranges that are usual in the field. Pure."""
