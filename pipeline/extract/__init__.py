"""Text, audio, visual and word timing: pure functions of one segment or one batch."""
