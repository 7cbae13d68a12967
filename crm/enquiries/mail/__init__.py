"""Mail as it comes from a mail server: one message at a time, read whatever its sender made of the standards."""
