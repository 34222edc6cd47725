"""Keys and tokens: where they come from, where they go, and what keeps them out of every output."""
