"""The network, what goes into it, and a checkpoint back to a network that scores."""
