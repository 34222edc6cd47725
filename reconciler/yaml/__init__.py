"""YAML text to plain data with places, in one pass, and back; nothing here knows what a tunnel is."""
