"""The ranking inspector: the pairs and segments that a person debugging the model wants to see and hear."""
