"""Global search: one term over every kind of record, and the way to every page."""
