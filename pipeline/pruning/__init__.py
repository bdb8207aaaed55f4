"""What the clip cache holds, and which of it parameters need."""
