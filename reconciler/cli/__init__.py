"""The command line: arguments, environment, clock, files and exit codes; wires the pure parts together."""
