"""The model card: what was trained on what, how well it does, and what it must not be used for."""
