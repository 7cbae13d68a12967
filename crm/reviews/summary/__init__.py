"""The weekly summary for managers: how the pipeline, the forecast, promises, leads and meetings stand."""
