"""Signed messages of other systems: chat tools and calendar tools."""
