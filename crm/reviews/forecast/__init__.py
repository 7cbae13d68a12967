"""The forecast of a fiscal quarter beside its quotas, kept weekly and held against what came of it."""
