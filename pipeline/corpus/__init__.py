"""How each corpus on disk becomes segments."""
