"""Changes of the catalogue: keyword-only, each one transaction."""
