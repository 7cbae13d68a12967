"""Many records in one request: every row is judged, stored and answered as if it had been sent alone."""
