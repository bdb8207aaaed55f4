"""What a corpus says: its segments with their words, labels and task, and what one row of features is."""
