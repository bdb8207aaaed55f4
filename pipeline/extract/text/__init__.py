"""The words of a segment as vectors."""
