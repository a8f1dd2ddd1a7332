"""One module a command; each has a `command` that `consumer.cli` finds by its name."""
