"""The subcommands of `quorate sim`, one module each, which exports it as `command`."""
