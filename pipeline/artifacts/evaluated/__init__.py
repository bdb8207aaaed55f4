"""What evaluation leaves: predictions, metrics, curves and masks."""
