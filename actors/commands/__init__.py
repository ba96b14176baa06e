"""The subcommands of `quorate` that look at data directories, one module for each group."""
