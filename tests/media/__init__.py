"""Tests of what opens recordings."""
