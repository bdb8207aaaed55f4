"""How good predictions are: metrics by the field's protocol, calibration, intervals over seeds and segments."""
