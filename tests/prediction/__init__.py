"""Tests of what a trained model says of new recordings."""
