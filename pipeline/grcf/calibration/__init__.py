"""Stage 2's objectives by task, and the curves from scores to labels or probabilities."""
