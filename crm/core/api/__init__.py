"""What every resource of the API stands on: one shape of errors, keyset cursors, strict queries, ETags, scopes."""
