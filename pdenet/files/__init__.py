"""Files: whole or not at all, and one clear error each. Nothing here knows a network."""
