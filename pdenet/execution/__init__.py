"""Where the work is done: passes over an image, tiles, chunks, threads, and clusters.

Nothing here knows a model: it calls back the blocks and functions that it is given.
"""
