"""Features for other toolkits: what the stages extracted, in the formats that they read."""
