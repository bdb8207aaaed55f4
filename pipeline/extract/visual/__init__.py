"""The face in a segment as rows of features."""
