"""Where the work runs, and how a killed run continues."""
