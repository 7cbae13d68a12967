"""The lead pipeline review: leads by status, and response times (P2)."""
