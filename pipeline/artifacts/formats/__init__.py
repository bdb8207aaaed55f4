"""How files of every kind are read and written: whole or not at all, and refused in a sentence."""
