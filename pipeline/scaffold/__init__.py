"""A fresh repository with this pipeline, for a study that is no fork of it."""
