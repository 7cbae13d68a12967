"""One operation for many records: chosen on a list, counted, confirmed, done as a job, and undone."""
