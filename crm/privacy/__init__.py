"""Erasing a person on request, and the record of details that left (L16)."""
