"""Worked examples of parts of one's own: copy a file into plugins/ and name it in a parameter, see docs/howto/plugins.md."""
