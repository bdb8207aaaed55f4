"""Aligned splits: what they are, their folders, rows in several files, and the scaler that rows go through."""
