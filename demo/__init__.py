"""Generator of the demo corpus: ten synthetic speakers whose words, voice and face each tell a part of the sentiment.

The pipeline reads what it writes (`data/raw/demo/`) and knows nothing of this package.
"""
