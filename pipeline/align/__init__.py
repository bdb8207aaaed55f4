"""Frames onto words: pooling, padding, masks, normalisation."""
