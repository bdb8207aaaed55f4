"""Many experiments side by side: a grid of them, or a search with a budget."""
