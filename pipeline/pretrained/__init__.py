"""Pretrained encoders: where their files are, what identifies them, which of their layers are read."""
