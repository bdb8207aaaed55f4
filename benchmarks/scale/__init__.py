"""Time and memory of the stages from `align` on by the number of segments."""
