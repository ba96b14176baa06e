"""Traces: every protocol event of a run as newline-delimited JSON, for replay, pictures and outside tools."""
