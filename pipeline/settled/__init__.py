"""What params.yaml and the facts of the corpus come to together: an empty parameter is as the corpus says."""
