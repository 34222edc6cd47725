"""The desired state: YAML files read, parsed, typed and checked."""
