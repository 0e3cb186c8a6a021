"""What noise an image has: its level, its models, and the transforms that make it white."""
