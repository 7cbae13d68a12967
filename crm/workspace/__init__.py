"""The workspace: tabs, list views and page layouts as data that an administrator changes at run time."""
