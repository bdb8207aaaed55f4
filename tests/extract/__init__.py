"""Tests of what is extracted."""
