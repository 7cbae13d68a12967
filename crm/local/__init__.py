"""The servers a machine without any gets: PostgreSQL for work and tests, and the processes of `make demo`.

Nothing here imports Django: settings call it before Django exists, and `make clean` runs it without an installation.
"""
