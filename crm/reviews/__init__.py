"""Rituals: what is done again and again, when it is due, and what came of it."""
