"""The library behind the pipeline: from raw talking-head video to an evaluated sentiment model."""
