"""Traces: what a run did, event by event, read, drawn and translated."""
