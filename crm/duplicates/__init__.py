"""Records that are one and the same: found, compared field by field, merged, and taken apart again."""
