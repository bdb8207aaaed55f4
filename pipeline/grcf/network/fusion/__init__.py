"""How the modalities of a segment become one vector: a small family behind `network.fusion`."""
