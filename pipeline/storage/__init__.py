"""Where media lie: links in a corpus folder, the list of digests of media outside of the repository, and checked copies of them."""
