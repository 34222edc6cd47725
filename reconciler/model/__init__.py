"""What there is: tunnels, accounts, what is desired and what is live. No I/O, no YAML, no HTTP."""
