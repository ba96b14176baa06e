"""Measurements of Quorate, for people who work on it; not installed. Each module with a command line is one of them."""
