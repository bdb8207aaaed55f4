"""Where ranking first helps, where it does not matter, and where it hurts: one network, real labels, controlled distortions."""
