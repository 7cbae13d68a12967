"""Meetings: begun, written by one holder, resumed, finished, and their minutes (P1, P2)."""
