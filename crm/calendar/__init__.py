"""When the company is at work: open hours, holidays, and times counted in them. Plain Python, no Django."""
