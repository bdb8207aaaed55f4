"""What git and DVC have kept: revisions, their files, experiments."""
