"""How a network is fitted: the loop, which epoch is kept, and what spares time or memory."""
