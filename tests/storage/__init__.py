"""Media that lie outside of the repository."""
