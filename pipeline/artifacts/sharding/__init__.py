"""Folders of several files for what is larger than memory: which segments share a file, how the files are written, and rows on their way."""
