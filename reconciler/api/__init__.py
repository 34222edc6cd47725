"""Everything that speaks to Cloudflare: calls as values, the wire format, retries, and the HTTP client."""
