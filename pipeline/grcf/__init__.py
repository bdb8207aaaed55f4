"""Groupwise ranking and calibration: groups, margins, advantages, losses, model, training."""
