"""The weekly summary for managers."""
