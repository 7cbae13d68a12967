"""What undoing looks at in accounts and contacts: their trees, and who is the main one. Found by its name."""

from accounts import undoing_main_dri, undoing_trees  # noqa: F401 - registers what they look at
