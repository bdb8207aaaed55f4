"""Markdown, HTML and figures, and the comparison of experiments."""
