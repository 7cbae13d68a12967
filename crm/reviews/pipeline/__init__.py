"""The pipeline of opportunities: what it is worth, and what changed it between two days."""
