"""Every record of a kind in one answer, from one snapshot, with the place in the feed of changes that continues it."""
