"""Stage 1's losses: groups, margins, advantages, and the losses of others for comparison."""
