"""Runs a Switch: performs effects; reload, drain, shutdown (the composition root)."""
