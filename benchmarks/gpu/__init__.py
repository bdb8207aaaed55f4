"""Everything that has to be shown on a GPU; see `__main__.py`."""
