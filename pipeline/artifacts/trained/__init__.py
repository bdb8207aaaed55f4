"""What training leaves: checkpoints, curves, and what became of the pairs."""
