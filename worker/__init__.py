"""Serves what is due: the only place where secrets are opened and clouds are called."""
