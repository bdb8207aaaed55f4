"""What a person runs besides DVC: `python -m pipeline …`."""
