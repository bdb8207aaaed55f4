"""Train on one corpus of a pool, measure on another."""
