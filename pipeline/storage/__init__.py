"""Media that lie outside of the repository: the list of their digests, where they are, and checked copies of them."""
