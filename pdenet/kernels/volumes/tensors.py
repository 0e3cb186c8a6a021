"""Functions of symmetric 3 x 3 tensors, without eigenvectors: for lanes, numbers, NumPy arrays.

A tensor is its entries 11, 22, 33, 23, 13 and 12. Of its three eigenvalues one is always isolated:
that whose distance from their mean m is largest. For K = (J - m) / s, s^2 = |J - m|^2 / 6, it is x
= 2 cos(acos(|h|) / 3) sign(h), h = det(K) / 2, at least sqrt(3) away from zero, so that the
projector on its eigenvector, E = v v', is well determined: adj(K - x), which is a multiple of E.
The other two eigenvalues are those of the rest R, the traceless part of K in the plane
perpendicular to v, whose eigenvalues are +-r, r^2 = |R|^2 / 2:

    nu1 = m + s x,    nu2 = m + s (r - x / 2),    nu3 = m - s (r + x / 2),
    g(J) = g(nu1) E + (g(nu2) + g(nu3)) / 2 (I - E) + (g(nu2) - g(nu3)) / (2 r) R.

As r is the norm of R and no difference of squares, equal eigenvalues lose no digits, and the
result lies between the least and the largest g(nu) to rounding, whatever J is. That needs two
passes for the mean m, and E, made of the largest column of adj(K - x), and R perpendicular to v, to
rounding.

`law` is the diffusivity g, see `laws`; `one` is 1 in the type of the image.
"""

from typing import Any, NamedTuple

import numpy as np

from ..formulas import formula
from ..laws import response
from ..vectors import above, fma, quotient

# cos(acos(h) / 3) on [0, 1] to 3e-10, from the constant on; smooth there, as its only singularity
# is at h = -1.
COSINE = (.866025404, .166666613, -.0481107211, .0246673778, -.0154259864, .0102905828,
          -.00645022876, .00325274667, -.00108910565, .000173317673)


class Parts(NamedTuple):
    """A tensor by its eigenvalues, the isolated one `first`, then `second` >= `third`; by the
    eigenvector v of the first, R and r; and whether the first is the largest, x > 0."""

    first: Any
    second: Any
    third: Any
    v: Any
    R: Any
    r: Any
    x: Any


@formula
def determinant(tensor):
    """Of a `tensor`."""
    a, b, c, d, e, f = tensor
    return a * fma(b, c, -(d * d)) + (d * e * f - e * e * b) + (d * e * f - f * f * c)


@formula
def applied(tensor, v):
    """A `tensor` times a vector v."""
    a, b, c, d, e, f = tensor
    return (fma(a, v[0], fma(f, v[1], e * v[2])), fma(f, v[0], fma(b, v[1], d * v[2])),
            fma(e, v[0], fma(d, v[1], c * v[2])))


@formula
def dot(v, w):
    """v'w."""
    return fma(v[0], w[0], fma(v[1], w[1], v[2] * w[2]))


@formula
def add_dyads(factor, v, w, tensor):
    """`tensor` + `factor` (v w' + w v')."""
    x, y, z = factor * v[0], factor * v[1], factor * v[2]
    X, Y, Z = x * w[0], y * w[1], z * w[2]
    return (tensor[0] + (X + X), tensor[1] + (Y + Y), tensor[2] + (Z + Z),
            tensor[3] + fma(y, w[2], z * w[1]), tensor[4] + fma(x, w[2], z * w[0]),
            tensor[5] + fma(x, w[1], y * w[0]))


@formula
def inner(tensor, other):
    """The inner product of two tensors, `tensor` and `other`."""
    diagonal = fma(tensor[0], other[0], fma(tensor[1], other[1], tensor[2] * other[2]))
    mixed = fma(tensor[3], other[3], fma(tensor[4], other[4], tensor[5] * other[5]))
    return diagonal + (mixed + mixed)


@formula
def largest_column(a, one):
    """The column of a tensor a v v' with the largest diagonal, normalised: v, but for its sign; e1
    for zero."""
    zero = one - one
    at_2 = above(a[1], a[0], one, zero)
    x, y, z = above(at_2, zero, a[5], a[0]), above(at_2, zero, a[1], a[5]), above(
        at_2, zero, a[3], a[4])
    at_3 = above(a[2], np.maximum(a[0], a[1]), one, zero)
    x, y, z = above(at_3, zero, a[4], x), above(at_3, zero, a[3], y), above(at_3, zero, a[2], z)
    scale = quotient(one, np.sqrt(fma(x, x, fma(y, y, z * z))))
    return scale * x, scale * y, scale * z


@formula
def parts_of(tensor, one):
    """The `Parts` of a tensor J, with all eigenvalues cut at zero, below which rounding may take
    them."""
    half, third, zero = one / (one + one), one / (one + one + one), one - one
    m = third * ((tensor[0] + tensor[1]) + tensor[2])
    a, b, c = tensor[0] - m, tensor[1] - m, tensor[2] - m
    rest = third * ((a + b) + c)
    m, a, b, c, d, e, f = (m + rest, a - rest, b - rest, c - rest, tensor[3], tensor[4],
                           tensor[5])
    diagonal, mixed = fma(a, a, fma(b, b, c * c)), fma(d, d, fma(e, e, f * f))
    s = np.sqrt(half * third * (diagonal + (mixed + mixed)))
    scale = quotient(one, s)
    K = scale * a, scale * b, scale * c, scale * d, scale * e, scale * f
    h = half * determinant(K)
    size = -np.maximum(-abs(h), -one)
    cosine = one * COSINE[9]
    cosine = fma(cosine, size, one * COSINE[8])
    cosine = fma(cosine, size, one * COSINE[7])
    cosine = fma(cosine, size, one * COSINE[6])
    cosine = fma(cosine, size, one * COSINE[5])
    cosine = fma(cosine, size, one * COSINE[4])
    cosine = fma(cosine, size, one * COSINE[3])
    cosine = fma(cosine, size, one * COSINE[2])
    cosine = fma(cosine, size, one * COSINE[1])
    cosine = fma(cosine, size, one * COSINE[0])
    four, three = one + one + one + one, one + one + one
    square = cosine * cosine
    cosine = cosine - (cosine * fma(four, square, -three) - size) / (three * fma(
        four, square, -one))
    x = cosine + cosine
    x = above(zero, h, -x, x)
    a, b, c, d, e, f = K[0] - x, K[1] - x, K[2] - x, K[3], K[4], K[5]
    adjugate = (fma(b, c, -(d * d)), fma(a, c, -(e * e)), fma(a, b, -(f * f)),
                fma(e, f, -(a * d)), fma(d, f, -(b * e)), fma(d, e, -(c * f)))
    v = largest_column(adjugate, one)
    fall, own = half * x, -(half * (x + half * x))
    R = add_dyads(own, v, v, (K[0] + fall, K[1] + fall, K[2] + fall, K[3], K[4], K[5]))
    w = applied(R, v)
    share = half * dot(v, w)
    w = w[0] - share * v[0], w[1] - share * v[1], w[2] - share * v[2]
    R = add_dyads(-one, v, w, R)
    rest = half * ((R[0] + R[1]) + R[2])
    R = add_dyads(half * rest, v, v, (R[0] - rest, R[1] - rest, R[2] - rest, R[3], R[4], R[5]))
    r = np.sqrt(half * inner(R, R))
    return Parts(np.maximum(fma(s, x, m), zero), np.maximum(fma(s, r - fall, m), zero),
                 np.maximum(fma(-s, r + fall, m), zero), v, R, r, x)


@formula
def with_values(first, second, third, parts, one):
    """The tensor with the eigenvalues `first`, `second` and `third`, in the order of `Parts`, and
    the eigenvectors of the tensor with the `parts`."""
    half = one / (one + one)
    mean = half * (second + third)
    f = quotient(half * (second - third), parts.r)
    R = parts.R
    return add_dyads(half * (first - mean), parts.v, parts.v, (
        fma(f, R[0], mean), fma(f, R[1], mean), fma(f, R[2], mean), f * R[3], f * R[4], f * R[5]))


@formula
def tensor_response(law, tensor, one):
    """g(J), the matrix function of a tensor J, g given by its law: eq. (26), eq. (30), eq. (40),
    eq. (2)."""
    parts = parts_of(tensor, one)
    return with_values(response(law.rule, law.factor * parts.first, one),
                       response(law.rule, law.factor * parts.second, one),
                       response(law.rule, law.factor * parts.third, one), parts, one)


@formula
def coherence_response(law, least, tensor, one):
    """The tensor with the eigenvectors of J and the eigenvalues `least` but for the last, along
    lines: least + (1 - least) (1 - g(nu2 - nu3)) for the two smallest eigenvalues nu2 and nu3 of
    J."""
    parts = parts_of(tensor, one)
    zero = one - one
    middle = above(parts.x, zero, parts.second, parts.third)
    smallest = above(parts.x, zero, parts.third, parts.first)
    g = response(law.rule, law.factor * (middle - smallest), one)
    along = least + (one - least) * (one - g)
    return with_values(above(parts.x, zero, least, along), least + zero * along,
                       above(parts.x, zero, along, least), parts, one)


@formula
def directional(parts, direction, one):
    """What a direction B is beside the eigenvectors of a tensor with these `parts`: its three
    entries on the diagonal, N = R / r, y = B v - v (v'B v), and the rest of B perpendicular to
    v."""
    half, v, R = one / (one + one), parts.v, parts.R
    y = applied(direction, v)
    own = dot(v, y)
    y = y[0] - own * v[0], y[1] - own * v[1], y[2] - own * v[2]
    scale = quotient(one, parts.r)
    N = scale * R[0], scale * R[1], scale * R[2], scale * R[3], scale * R[4], scale * R[5]
    rest = add_dyads(-(half * own), v, v, add_dyads(-one, v, y, direction))
    mean, along = half * ((rest[0] + rest[1]) + rest[2]), half * inner(N, rest)
    return (own, mean + along, mean - along), N, y, rest


@formula
def changed(values, quotients, parts, N, y, rest, one):
    """The derivative of a matrix function from what `directional` has found: the diagonal becomes
    the three `values`, and the entries 12, 13 and 23 are multiplied by the three `quotients`,
    divided differences. `parts` are those of the tensor, N, y and `rest` those of the direction."""
    half, v = one / (one + one), parts.v
    sum_, difference = half * (values[1] + values[2]), half * (values[1] - values[2])
    mean = half * ((rest[0] + rest[1]) + rest[2])
    along = half * inner(N, rest)
    g23 = quotients[2]
    level, tilt = sum_ - g23 * mean, difference - g23 * along
    pair = (fma(g23, rest[0], fma(tilt, N[0], level)), fma(g23, rest[1], fma(tilt, N[1], level)),
            fma(g23, rest[2], fma(tilt, N[2], level)), fma(g23, rest[3], tilt * N[3]),
            fma(g23, rest[4], tilt * N[4]), fma(g23, rest[5], tilt * N[5]))
    plain, turned = half * (quotients[0] + quotients[1]), half * (quotients[0] - quotients[1])
    w = applied(N, y)
    u = (fma(plain, y[0], turned * w[0]), fma(plain, y[1], turned * w[1]),
         fma(plain, y[2], turned * w[2]))
    return add_dyads(half * (values[0] - level), v, v, add_dyads(one, v, u, pair))
