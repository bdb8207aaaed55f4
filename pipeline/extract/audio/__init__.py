"""The sound of a segment as rows of features."""
