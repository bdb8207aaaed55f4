"""Extractors whose results are kept in the clip cache; extractors know nothing of it, so an edit here makes no result stale."""
