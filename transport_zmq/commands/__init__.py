"""Commands of the command line, one module each; `quorate.py` imports them when they are needed."""
