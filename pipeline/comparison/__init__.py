"""Two runs side by side: what they recorded, where they differ, and how sure that is."""
