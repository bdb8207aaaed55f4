"""What stage 1 made of the pairs: how hard they were, what they weighed, and which are the hardest."""
