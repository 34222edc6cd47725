"""YAML text to plain data with places, in one pass, and nothing that knows what a tunnel is."""
