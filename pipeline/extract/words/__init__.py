"""The words of a segment and their times."""
