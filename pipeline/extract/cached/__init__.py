"""What the clip cache has to know of each extractor, apart from it: an edit here or in the cache makes no entry old."""
