"""Functions of symmetric 3 x 3 tensors, without eigenvectors: for lanes, numbers, NumPy arrays.

A tensor is its entries 11, 22, 33, 23, 13 and 12. Of its three eigenvalues one is always isolated:
that whose distance from their mean m is largest. For K = (J - m) / s, s^2 = |J - m|^2 / 6, it is x
= 2 cos(acos(|h|) / 3) sign(h), h = det(K) / 2, at least sqrt(3) away from zero, so that its
eigenvector v is well determined: adj(K - x) is a multiple of v v'. In the plane perpendicular to v,
with any two vectors a and b that complete v to an orthonormal basis, K + x / 2 is the tensor
A (a a' - b b') + B (a b' + b a'), as its trace is zero, and its eigenvalues are +-r, r^2 = A^2 +
B^2:

    nu1 = m + s x,    nu2 = m + s (r - x / 2),    nu3 = m - s (r + x / 2),
    g(J) = g(nu1) v v' + (g(nu2) + g(nu3)) / 2 (a a' + b b')
           + (g(nu2) - g(nu3)) / (2 r) (A (a a' - b b') + B (a b' + b a')).

As r is a norm and no difference of squares, equal eigenvalues lose no digits, and the result lies
between the least and the largest g(nu) to rounding, whatever J is. That needs two passes for the
mean m, and v made of the largest column of adj(K - x).

`law` is the diffusivity g, see `laws`; `one` is 1 in the type of the image.
"""

from typing import Any, NamedTuple

import numpy as np

from ..formulas import formula
from ..laws import response
from ..vectors import above, cosine_of_third, fma, quotient


class Parts(NamedTuple):
    """A tensor by its eigenvalues, the isolated one `first`, then `second` >= `third`; by the
    eigenvector v of the first, a and b, which complete it to a basis, the numbers A and B there,
    and r; and whether the first is the largest, x > 0."""

    first: Any
    second: Any
    third: Any
    v: Any
    a: Any
    b: Any
    A: Any
    B: Any
    r: Any
    x: Any


@formula
def determinant(tensor):
    """Of a `tensor`."""
    a, b, c, d, e, f = tensor
    return fma(a, fma(b, c, -(d * d)), fma(f, fma(d, e, -(f * c)), e * fma(f, d, -(b * e))))


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
def add_products(v, w, other, times, tensor):
    """`tensor` + v w' + other times' for vectors of which this is symmetric."""
    return (fma(v[0], w[0], fma(other[0], times[0], tensor[0])),
            fma(v[1], w[1], fma(other[1], times[1], tensor[1])),
            fma(v[2], w[2], fma(other[2], times[2], tensor[2])),
            fma(v[1], w[2], fma(other[1], times[2], tensor[3])),
            fma(v[0], w[2], fma(other[0], times[2], tensor[4])),
            fma(v[0], w[1], fma(other[0], times[1], tensor[5])))


@formula
def largest_column(a, one):
    """The column of a tensor a v v' with the largest diagonal, normalised: v, but for its sign; e1
    for zero."""
    x, y, z = above(a[1], a[0], a[5], a[0]), above(a[1], a[0], a[1], a[5]), above(
        a[1], a[0], a[3], a[4])
    larger = above(a[1], a[0], a[1], a[0])
    x, y, z = above(a[2], larger, a[4], x), above(a[2], larger, a[3], y), above(
        a[2], larger, a[2], z)
    scale = quotient(one, np.sqrt(fma(x, x, fma(y, y, z * z))))
    return scale * x, scale * y, scale * z


@formula
def completed(v, one):
    """Two vectors that complete a vector v of length one to an orthonormal basis: the mirror images
    of e1 and e2 for the reflection that makes e3 of v, or of -v, whichever is nearer; so no digits
    are lost (Duff et al., 2017)."""
    x, y, z = v
    sign = above(z, one - one, one, -one)
    share = -(one / (sign + z))
    along, across = x * share, y * share
    mixed = y * along
    return ((fma(sign * x, along, one), sign * mixed, -(sign * x)),
            (mixed, fma(y, across, sign), -y))


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
    size = abs(h)
    x = cosine_of_third(above(one, size, size, one))
    x = x + x
    x = above(zero, h, -x, x)
    a, b, c, d, e, f = K[0] - x, K[1] - x, K[2] - x, K[3], K[4], K[5]
    v = largest_column((fma(b, c, -(d * d)), fma(a, c, -(e * e)), fma(a, b, -(f * f)),
                        fma(e, f, -(a * d)), fma(d, f, -(b * e)), fma(d, e, -(c * f))), one)
    first, second = completed(v, one)
    w = applied(K, first)
    fall = half * x
    A, B = fall + dot(w, first), dot(w, second)
    r = np.sqrt(fma(A, A, B * B))
    nu1, nu2, nu3 = fma(s, x, m), fma(s, r - fall, m), fma(-s, r + fall, m)
    return Parts(above(nu1, zero, nu1, zero), above(nu2, zero, nu2, zero),
                 above(nu3, zero, nu3, zero), v, first, second, A, B, r, x)


@formula
def _in_the_plane(aa, ab, bb, parts, tensor):
    """`tensor` + aa a a' + ab (a b' + b a') + bb b b' for the vectors a and b of the `parts`."""
    a, b = parts.a, parts.b
    y = fma(aa, a[0], ab * b[0]), fma(aa, a[1], ab * b[1]), fma(aa, a[2], ab * b[2])
    z = fma(ab, a[0], bb * b[0]), fma(ab, a[1], bb * b[1]), fma(ab, a[2], bb * b[2])
    return add_products(y, a, z, b, tensor)


@formula
def with_values(first, second, third, parts, one):
    """The tensor with the eigenvalues `first`, `second` and `third`, in the order of `Parts`, and
    the eigenvectors of the tensor with the `parts`."""
    half, zero = one / (one + one), one - one
    fall = half * (second + third) - first
    f = quotient(half * (second - third), parts.r)
    return _in_the_plane(fma(f, parts.A, fall), f * parts.B, fma(-f, parts.A, fall), parts,
                         (first, first, first, zero, zero, zero))


@formula
def tensor_response(law, tensor, one):
    """g(J), the matrix function of a tensor J, g given by its law: eq. (26), eq. (30), eq. (40),
    eq. (2)."""
    parts = parts_of(tensor, one)
    return with_values(response(law.rule, law.factor * parts.first, one),
                       response(law.rule, law.factor * parts.second, one),
                       response(law.rule, law.factor * parts.third, one), parts, one)


@formula
def in_order(parts, one):
    """The eigenvalues of the `parts`, the largest, the middle and the smallest one."""
    zero = one - one
    return (above(parts.x, zero, parts.first, parts.second),
            above(parts.x, zero, parts.second, parts.third),
            above(parts.x, zero, parts.third, parts.first))


@formula
def coherence_response(law, least, tensor, one):
    """The tensor with the eigenvectors of J and the eigenvalues `least` but for the last, along
    lines: least + (1 - least) (1 - g(nu2 - nu3)) for the two smallest eigenvalues nu2 and nu3 of
    J."""
    parts = parts_of(tensor, one)
    zero = one - one
    _, middle, smallest = in_order(parts, one)
    g = response(law.rule, law.factor * (middle - smallest), one)
    along = least + (one - least) * (one - g)
    return with_values(above(parts.x, zero, least, along), least + zero * along,
                       above(parts.x, zero, along, least), parts, one)


@formula
def directional(parts, direction, one):
    """What a direction B is beside the eigenvectors of a tensor with these `parts`: its three
    entries on the diagonal, N, the tensor with the eigenvalues 1 and -1 beside 0 for v, y = B v -
    v (v'B v), and the rest of B perpendicular to v."""
    half, zero, v = one / (one + one), one - one, parts.v
    y = applied(direction, v)
    own = dot(v, y)
    y = y[0] - own * v[0], y[1] - own * v[1], y[2] - own * v[2]
    scale = quotient(one, parts.r)
    A, B = scale * parts.A, scale * parts.B
    N = _in_the_plane(A, B, -A, parts, (zero, zero, zero, zero, zero, zero))
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
