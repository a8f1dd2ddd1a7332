"""The running process: settings become parts, parts run until a signal, and then end in order."""
