"""Every change of the followed records, in an order in which none is missed: `GET /api/v1/changes/`."""
