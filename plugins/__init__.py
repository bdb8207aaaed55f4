"""Parts of your own: a file here is named in a parameter as `file.py:Name`, see docs/howto/plugins.md."""
