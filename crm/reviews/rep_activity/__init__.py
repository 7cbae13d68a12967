"""What each owner did in thirty days: touches, promises, answers, returned conversions."""
