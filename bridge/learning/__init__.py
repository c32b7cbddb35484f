"""Listening to devices nobody has set up yet: who speaks, what of it can be read, and the YAML that adopts them."""
