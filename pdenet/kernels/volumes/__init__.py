"""The kernels of volumes (D, H, W), beside those of images: the same scheme on cells of eight
voxels.

A reader begins with `cells`, the scheme on one cell, goes on to `tensors`, functions of symmetric 3
x 3 tensors, to `rows`, the loops along a row of cells, and to `slices`, the loops over a volume.
"""
