"""Everything that Numba compiles, and nothing else.

The compiled code on disk is void as soon as the contents of any file of this folder change, and
functions from outside are refused, so that no file can be forgotten: see `compiler`. A reader
begins with `cell_formulas`, the scheme on one cell, and goes on to `cell_rows`, the loops along a
row of cells, and `planes`, the loops over an image.
"""
