"""How good a prediction is: metrics by the field's protocol, calibration, and what several seeds allow to be said."""
