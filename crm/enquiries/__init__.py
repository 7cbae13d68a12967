"""Requests that somebody waits for an answer to: how they come in, whose they are, what became of them."""
