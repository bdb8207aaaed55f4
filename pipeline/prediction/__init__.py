"""A new recording through exactly what training saw: extraction, alignment, prediction, and pictures of each."""
