"""Stable storage of members, one module per kind."""
