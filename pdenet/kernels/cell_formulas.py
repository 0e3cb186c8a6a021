"""The scheme on one cell, each formula once: for numbers, for vectors (lanes), for NumPy arrays.

A *cell* is the square between the four pixels A = (i, j), B = (i, j+1), C = (i+1, j) and
D = (i+1, j+1). Its samples are p = (B-A+D-C)/2, q = (C-A+D-B)/2 and the twist s = A-B-C+D. The
discretisation of div(D grad u) on 3 x 3 pixels by Weickert, Welk and Wickert (2013) is -K' M K with
K u = (p, q, s) and, for D = [[a, b], [b, c]],

    M (p, q, s) = (a p + b q, b p + c q, kappa s),  kappa = (1-2 alpha)/4 (a + c - 2 gamma |b|).

Three representations save operations, and each formula says which it takes:

* a gradient K u is (x, right, left) with x = 2 p, right = D - B and left = C - A, so that
  y = right + left = 2 q and z = right - left = s;
* a flux M K u is four times (P/2, Q/2 + S, Q/2 - S); K' takes its sums and differences, and the
  product of a gradient with a flux is the sum of their three products;
* a symmetric tensor [[m + d, o], [o, m - d]] is (m, d, o), in NumPy an array of three planes.

Throughout, `stencil` and `twist` hold alpha and gamma, see `Stencil`; `law` is the diffusivity g,
see `laws`; `zero`, `half` and `one` are these numbers in the type of the others, as a literal would
be a float64; `near` is the entry of NEAR for this type.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .formulas import formula
from .laws import response, slope
from .vectors import above, fma, quotient

# Where the two g' differ by less than a factor s times their sum, in float32 and float64: the error
# of Gauss' rule is about s^4 / 270, that of a divided difference of g about eps / s.
NEAR = tuple(float((270 * np.finfo(dtype).eps)**0.2) for dtype in (np.float32, np.float64))


class Stencil(NamedTuple):
    """The weight 2 (1 - 2 alpha) of the twist in M, gamma, and the weight of the twist in J."""

    twist: Any
    gamma: Any
    structure_twist: Any


# Gradients and fluxes -----------------------------------------------------------------------------


@formula
def unit_flux(gradient, twist):
    """The flux M K u for D = I."""
    x, right, left = gradient
    y, z = right + left, right - left
    return x, fma(twist, z, y), fma(-twist, z, y)


@formula
def tensor_flux(gradient, tensor, stencil):
    """The flux M(D) K u for a tensor D = (m, d, o)."""
    (x, right, left), (m, d, o) = gradient, tensor
    y, z = right + left, right - left
    p, q = fma(o, y, (m + d) * x), fma(o, x, (m - d) * y)
    s = fma(stencil.twist, m, -stencil.twist * stencil.gamma * abs(o))
    return p, fma(s, z, q), fma(-s, z, q)


@formula
def times(number, triple):
    """A number times a flux or a tensor, which is a `triple`."""
    return number * triple[0], number * triple[1], number * triple[2]


@formula
def product(gradient, flux):
    """Four times (K v)' M K u: a gradient times a flux."""
    (x, right, left), (p, more, less) = gradient, flux
    return fma(x, p, fma(right, more, left * less))


@formula
def add_outer_product(gradient, other, strength, twist, total):
    """total + strength K v (K z)', symmetrised, K v = (p, q, s) being the gradient and K z = (P, Q,
    S) the other.

    `total` holds 4 p P, 4 q Q, 8 times the mean of p Q and q P, and 8 k s S, k = (1-2 alpha)/4: the
    entries 11, 22 and 12 before the twists are added, which belong to 11 and to 22.
    """
    (x, right, left), (X, Right, Left) = gradient, other
    xx, yy, xy, twists = total
    y, Y = right + left, Right + Left
    wx, wy = strength * x, strength * y
    return (fma(wx, X, xx), fma(wy, Y, yy), fma(wx, Y, fma(wy, X, xy)),
            fma(strength * twist * (right - left), Right - Left, twists))


# Functions of symmetric tensors ------------------------------------------------------------------


@formula
def eigenvalues(tensor, zero):
    """m + r and m - r of a tensor (m, d, o), and r = |(d, o)|; m - r is cut at zero, below which
    rounding may take it."""
    m, d, o = tensor
    r = np.sqrt(fma(d, d, o * o))
    return m + r, np.maximum(m - r, zero), r


@formula
def with_eigenvalues(first, second, tensor, r, half):
    """The tensor with the eigenvalues `first` and `second` and the eigenvectors of another tensor
    (m, d, o), r = |(d, o)|."""
    f = quotient(half * (first - second), r)
    return half * (first + second), f * tensor[1], f * tensor[2]


@formula
def in_eigenvectors(tensor, direction, r, one):
    """The entries B_11, B_22 and B_12 that a direction B = (b, p, q) has in the eigenvectors of a
    tensor (m, d, o), and the vector (cos2, sin2) = (d, o) / r with which `from_eigenvectors`
    turns back."""
    (_, d, o), (b, p, q) = tensor, direction
    cos2, sin2 = above(r, one - one, d / r, one), quotient(o, r)
    parallel, mixed = fma(cos2, p, sin2 * q), fma(cos2, q, -sin2 * p)
    return b + parallel, b - parallel, mixed, cos2, sin2


@formula
def from_eigenvectors(first, second, mixed, cos2, sin2):
    """Twice the tensor that has the entries `first`, `second` and `mixed` / 2 in the eigenvectors
    to which the vector (cos2, sin2) belongs."""
    change = first - second
    return (first + second, fma(change, cos2, -mixed * sin2),
            fma(change, sin2, mixed * cos2))


@formula
def gauss_points(x1, x2, one):
    """The two points between x1 and x2 at which Gauss' rule evaluates a function."""
    middle, radius = (one / (one + one)) * (x1 + x2), (one * (0.5 / math.sqrt(3))) * (x1 - x2)
    return middle + radius, middle - radius


@formula
def divided_difference(g1, g2, x1, x2, s1, s2, mean, near):
    """(g1 - g2) / (x1 - x2) for g1 = g(x1), g2 = g(x2) with the slopes s1 = g'(x1), s2 = g'(x2).

    Where the slopes differ by less than near (|s1| + |s2|), the quotient would lose digits; there
    it is `mean`, that of g' at the Gauss points, whose error is of fourth order.
    """
    far = near * (abs(s1) + abs(s2))
    return above(abs(s1 - s2), far, (g1 - g2) / (x1 - x2), mean)


@formula
def tensor_response(law, tensor, one):
    """g(J), the matrix function of the tensor J: it keeps the eigenvectors and applies g, given by
    its law, to the eigenvalues.

    It is the diffusion tensor of eq. (26), eq. (30) and eq. (40), and, for the tensor J of a
    smoothed image, of eq. (2) and eq. (3): where J has one eigenvalue 0, g(0) = 1 along the edge.
    """
    half = one / (one + one)
    nu1, nu2, r = eigenvalues(tensor, one - one)
    return with_eigenvalues(response(law.rule, law.factor * nu1, one),
                            response(law.rule, law.factor * nu2, one), tensor, r, half)


@formula
def coherence_response(law, least, tensor, one):
    """The tensor with the eigenvectors of J and the eigenvalues `least`, across structures, and
    least + h along them, h = (1 - least) (1 - g(nu1 - nu2))."""
    half = one / (one + one)
    m, d, o = tensor
    r = np.sqrt(fma(d, d, o * o))
    h = (one - least) * (one - response(law.rule, law.factor * (r + r), one))
    q = -quotient(h, r + r)
    return least + half * h, q * d, q * o


@formula
def coherence_adjoint(law, least, tensor, direction, one):
    """The adjoint of the derivative of `coherence_response`, with the same law and `least`, at the
    tensor J = (m, d, o), applied to a direction B = (b, p, q).

    With n = (d, o) / r and h as a function of 2 r, J -> D has the derivative m <- h' n'(d, o),
    (d, o) <- -h / (2 r) (d, o) - (h' - h / (2 r)) n n'(d, o), of which this is the transpose.
    """
    (_, d, o), (b, p, q) = tensor, direction
    r = np.sqrt(fma(d, d, o * o))
    x = law.factor * (r + r)
    g = response(law.rule, x, one)
    h = quotient((one - least) * (one - g), r + r)
    change = (least - one) * law.factor * slope(law.rule, g, x, one)
    cos2, sin2 = quotient(d, r), quotient(o, r)
    along = change * b - (change - h) * fma(cos2, p, sin2 * q)
    return (one - one) * b, fma(along, cos2, -(h * p)), fma(along, sin2, -(h * q))


@formula
def tensor_slope(law, tensor, direction, one, near):
    """g'(J)[B], the Frechet derivative at the tensor J in the direction B, by the formula of
    Daleckii and Krein.

    In the eigenvectors of J the entries 11 and 22 of B are multiplied by g' of the eigenvalues, the
    entry 12 by the divided difference of g. As `slope` is the derivative with respect to the scaled
    eigenvalue, law.factor times the eigenvalue, the result is multiplied by that factor.
    """
    half, rule = one / (one + one), law.rule
    nu1, nu2, r = eigenvalues(tensor, one - one)
    b11, b22, mixed, cos2, sin2 = in_eigenvectors(tensor, direction, r, one)
    x1, x2 = law.factor * nu1, law.factor * nu2
    g1, g2 = response(rule, x1, one), response(rule, x2, one)
    s1, s2 = slope(rule, g1, x1, one), slope(rule, g2, x2, one)
    y1, y2 = gauss_points(x1, x2, one)
    mean = half * (slope(rule, response(rule, y1, one), y1, one)
                   + slope(rule, response(rule, y2, one), y2, one))
    mixed = (mixed + mixed) * divided_difference(g1, g2, x1, x2, s1, s2, mean, near)
    return times(half * law.factor, from_eigenvectors(s1 * b11, s2 * b22, mixed, cos2, sin2))
