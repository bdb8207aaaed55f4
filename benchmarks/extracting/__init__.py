"""What `benchmarks/extraction.py` compares: bare kernels, the stages of this pipeline, and the recipe of today."""
