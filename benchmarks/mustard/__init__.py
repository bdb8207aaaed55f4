"""GRCF and the point-wise baseline on sarcasm, the text of MUStARD, with speaker-independent folds."""
