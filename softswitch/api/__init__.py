"""HTTP: health, readiness, metrics and read-only status. Imported when the first client comes, not at start."""
