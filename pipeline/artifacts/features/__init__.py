"""Features of segments before they are aligned."""
