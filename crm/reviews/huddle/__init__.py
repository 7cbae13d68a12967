"""The sales huddle: every open opportunity, and what is done next (P1)."""
