"""The published networks of MMSA, by MMSA's own code, on the features that this pipeline exports."""
