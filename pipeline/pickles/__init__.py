"""Feature pickles that other toolkits write, read without running what is in them."""
