"""Webhooks: other systems are told that records changed, by signed messages that hint at the feed."""
