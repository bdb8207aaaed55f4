"""What flows between stages: each artifact's frozen type, its invariants, its reader and its writer."""
