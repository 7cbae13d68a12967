"""Bulk jobs: rows that are too many for one request are uploaded in parts, worked in slices, and answered as files."""
