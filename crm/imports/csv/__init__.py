"""One CSV file of any origin: its columns matched to fields here, tried, brought in row by row, and undone."""

# The system that runs and held rows of a CSV file name; the ids in it may be of any other.
SYSTEM = "csv"
