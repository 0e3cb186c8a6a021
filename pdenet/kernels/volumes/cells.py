"""The scheme on one cell of a volume, each formula once: for numbers, for lanes, for NumPy arrays.

A *cell* is the cube between eight voxels. Its gradient is that of the trilinear interpolant at the
eight points (+-theta, +-theta, +-theta) from its centre, theta^2 = (1 - 2 alpha) / 4, and M(D) is
the mean of grad' D grad over them; in two dimensions, with the bilinear interpolant, that is the
scheme of Weickert, Welk and Wickert (2013) with gamma = 0. So M(D) is linear in D, and 0 <= M(D) <=
M(I) for 0 <= D <= I. With the differences dx, dy, dz of two neighbours along the columns, rows and
slices, x, y and z, and the means Ax, Ay, Az the cell has seven samples

    p = dx Ay Az u,   q = Ax dy Az u,   r = Ax Ay dz u,       s1 = Ax dy dz u,   s2 = dx Ay dz u,
    s3 = dx dy Az u,  t = dx dy dz u.

With D~ = H^-1 D H^-1 for voxels of the size H = diag(hx, hy, hz), a to f its entries 11, 22, 33,
23, 13 and 12, and k = (1 - 2 alpha) / 4 the flux M(D) K u is

    a p + f q + e r,    f p + b q + d r,    e p + d q + c r,
    k ((b + c) s1 + f s2 + e s3),    k ((a + c) s2 + f s1 + d s3),    k ((a + b) s3 + e s1 + d s2),
    k^2 (a + b + c) t,

and the structure tensor J = H^-1 J~ H^-1, with <J, D> = (K u)' M(D) K u, has

    J~11 = p^2 + k (s2^2 + s3^2) + k^2 t^2,   J~23 = q r + k s2 s3,   and so on.

Representations that save operations:

* a `gradient` holds sums of the eight voxels without the factors 1/2 of the means, (4 p, 4 q, 4 r,
  2 s1, 2 s2, 2 s3, t);
* a `flux` is sixteen times what K', the transpose of these sums, takes; the product of a gradient
  and a flux is the sum of their seven products, sixteen times (K v)' M K u;
* a tensor is the six entries 11, 22, 33, 23, 13 and 12.

`stencil` holds the size of voxels and alpha, see `Stencil`; `twist` is 1 - 2 alpha, or its multiple
in J; `metric` is that of `Stencil`.
"""

from typing import Any, NamedTuple

from ..formulas import formula
from ..vectors import fma, load, preceding, store


class Voxels(NamedTuple):
    """The four rows of voxels around a row of cells: of the slice above the one and of the slice
    below the other, each time the row above and the row below."""

    a: int
    b: int
    c: int
    d: int


class Stencil(NamedTuple):
    """4 k = 1 - 2 alpha, that in the structure tensor, and 1/(h_i h_j) for the entries of a
    tensor, six numbers."""

    twist: Any
    structure_twist: Any
    metric: Any


class Target(NamedTuple):
    """Rows for the result of K', of which a voxel gets one part from each of four rows of cells.

    Those of the row of cells before this one wait in four rows from `waiting` on, a `pitch` apart,
    sums and differences for the slice above and those for the slice below; those of the slices of
    cells before this one in the row `carry`. The row `out` becomes the row `base` plus all. """

    base: int
    waiting: int
    pitch: int
    carry: int
    out: int


@formula
def sum_and_difference(memory, row):
    """Of the two neighbours at each slot from the index `row` of `memory` on."""
    left, right = load(memory, row), load(memory, row + 1)
    return left + right, right - left


@formula
def gradient_at(memory, voxels, offset):
    """The gradient K u of the cells from the slot `offset` of the four rows `voxels` in `memory`
    on."""
    sa, da = sum_and_difference(memory, voxels.a + offset)
    sb, db = sum_and_difference(memory, voxels.b + offset)
    sc, dc = sum_and_difference(memory, voxels.c + offset)
    sd, dd = sum_and_difference(memory, voxels.d + offset)
    x0, x1, xy0, xy1 = da + db, dc + dd, db - da, dd - dc
    y0, y1, m0, m1 = sb - sa, sd - sc, sa + sb, sc + sd
    return x0 + x1, y0 + y1, m1 - m0, y1 - y0, x1 - x0, xy0 + xy1, xy1 - xy0


@formula
def unit_flux(gradient, twist, metric):
    """The flux M K u for D = I."""
    p, q, r, s1, s2, s3, t = gradient
    a, b, c = metric[0], metric[1], metric[2]
    return (a * p, b * q, c * r, (twist * (b + c)) * s1, (twist * (a + c)) * s2,
            (twist * (a + b)) * s3, (twist * twist * ((a + b) + c)) * t)


@formula
def tensor_flux(gradient, tensor, twist, metric):
    """The flux M(D) K u for a `tensor` D."""
    p, q, r, s1, s2, s3, t = gradient
    a, b, c = metric[0] * tensor[0], metric[1] * tensor[1], metric[2] * tensor[2]
    d, e, f = metric[3] * tensor[3], metric[4] * tensor[4], metric[5] * tensor[5]
    return (fma(a, p, fma(f, q, e * r)), fma(b, q, fma(f, p, d * r)),
            fma(c, r, fma(e, p, d * q)), twist * fma(b + c, s1, fma(f, s2, e * s3)),
            twist * fma(a + c, s2, fma(f, s1, d * s3)),
            twist * fma(a + b, s3, fma(e, s1, d * s2)), (twist * twist) * (((a + b) + c) * t))


@formula
def times(number, flux):
    """A `number` times a flux."""
    return (number * flux[0], number * flux[1], number * flux[2], number * flux[3],
            number * flux[4], number * flux[5], number * flux[6])


@formula
def plus(flux, other):
    """The sum of a flux and another one, `other`."""
    return (flux[0] + other[0], flux[1] + other[1], flux[2] + other[2], flux[3] + other[3],
            flux[4] + other[4], flux[5] + other[5], flux[6] + other[6])


@formula
def product(gradient, flux):
    """Sixteen times (K v)' M K u: a gradient times a flux."""
    first = fma(gradient[0], flux[0], fma(gradient[1], flux[1], gradient[2] * flux[2]))
    second = fma(gradient[3], flux[3], fma(gradient[4], flux[4], gradient[5] * flux[5]))
    return fma(gradient[6], flux[6], first + second)


@formula
def add_square(gradient, strength, twist, total):
    """total + strength K v (K v)': sixteen times the sums p^2, q^2, r^2, q r, p r and p q with the
    twists that belong to the last three, then k s1^2, k s2^2, k s3^2 and k^2 t^2, from which
    `structure_of` makes J."""
    p, q, r, s1, s2, s3, t = gradient
    wp, wq, wr = strength * p, strength * q, strength * r
    weight = strength * twist
    w1, w2, w3 = weight * s1, weight * s2, weight * s3
    return (fma(wp, p, total[0]), fma(wq, q, total[1]), fma(wr, r, total[2]),
            fma(wq, r, fma(w2, s3, total[3])), fma(wp, r, fma(w1, s3, total[4])),
            fma(wp, q, fma(w1, s2, total[5])), fma(w1, s1, total[6]), fma(w2, s2, total[7]),
            fma(w3, s3, total[8]), fma((weight * twist) * t, t, total[9]))


@formula
def add_outer_product(gradient, other, strength, twist, total):
    """total + strength (K v (K z)' + K z (K v)'), in the form of `add_square`, in which it is
    `add_square` of twice the strength where K z, the `other` gradient, is K v."""
    p, q, r, s1, s2, s3, t = gradient
    P, Q, R, S1, S2, S3, T = other
    hp, hq, hr, weight = strength * p, strength * q, strength * r, strength * twist
    h1, h2, h3 = weight * s1, weight * s2, weight * s3
    wp, wq, wr, w1, w2, w3 = hp + hp, hq + hq, hr + hr, h1 + h1, h2 + h2, h3 + h3
    cube = ((weight + weight) * twist) * t
    return (fma(wp, P, total[0]), fma(wq, Q, total[1]), fma(wr, R, total[2]),
            fma(hq, R, fma(hr, Q, fma(h2, S3, fma(h3, S2, total[3])))),
            fma(hp, R, fma(hr, P, fma(h1, S3, fma(h3, S1, total[4])))),
            fma(hp, Q, fma(hq, P, fma(h1, S2, fma(h2, S1, total[5])))),
            fma(w1, S1, total[6]), fma(w2, S2, total[7]), fma(w3, S3, total[8]),
            fma(cube, T, total[9]))


@formula
def structure_of(total, mixed, metric):
    """The tensor of the sums `total` of `add_square`, its entries beside the diagonal times
    `mixed`."""
    pp, qq, rr, qr, pr, pq, s1, s2, s3, t = total
    return (metric[0] * (pp + ((s2 + s3) + t)), metric[1] * (qq + ((s1 + s3) + t)),
            metric[2] * (rr + ((s1 + s2) + t)), (mixed * metric[3]) * qr,
            (mixed * metric[4]) * pr, (mixed * metric[5]) * pq)


@formula
def spread(memory, before, flux, scale, target, j):
    """out = base + 16 scale K' of a flux, in the rows of a target in `memory`, for the cells from
    slot j on; returns what this needs as `before` for the next vector.

    A voxel at the signs (x, y, z) of its cell gets x P + y Q + z R + y z S1 + x z S2 + x y S3 + x y
    z T. Row and slice are settled by sums and differences, which wait for the row of cells below;
    then each voxel takes its part from the cell to its left, too.
    """
    P, Q, R, S1, S2, S3, T = flux
    x0, x1, y0, y1, xy0, xy1 = P - S2, P + S2, Q - S1, Q + S1, S3 - T, S3 + T
    first = target.waiting + j
    second, third, fourth = first + target.pitch, first + 2 * target.pitch, first + 3 * target.pitch
    sums0, differences0 = load(memory, first) - (R + y0), load(memory, second) + (x0 - xy0)
    sums1, differences1 = load(memory, third) + (R - y1), load(memory, fourth) + (x1 - xy1)
    store(memory, first, y0 - R)
    store(memory, second, x0 + xy0)
    store(memory, third, R + y1)
    store(memory, fourth, x1 + xy1)
    above = ((preceding(before[0], sums0) + sums0)
             + (preceding(before[1], differences0) - differences0))
    below = ((preceding(before[2], sums1) + sums1)
             + (preceding(before[3], differences1) - differences1))
    above = load(memory, target.carry + j) + above
    store(memory, target.out + j, fma(scale, above, load(memory, target.base + j)))
    store(memory, target.carry + j, below)
    return sums0, differences0, sums1, differences1
