"""GRCF and its relatives on the real labels of CMU-MOSI."""
