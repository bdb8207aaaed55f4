"""Stage 1: training by a ranking loss, and what became of the pairs."""
