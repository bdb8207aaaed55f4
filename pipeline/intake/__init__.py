"""Corpora on their way in: copied into place, and looked at before anything heavy runs."""
