"""The kit of which every page is made: blocks, and what turns them into text, Markdown, LaTeX and HTML."""
