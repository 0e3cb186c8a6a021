"""Checks that a part of your own keeps its contract: an operator, a flux, or a diffusivity.

Each function checks, on random arrays, what the protocol of the part says, and raises an
AssertionError that names the first property that does not hold. Derivatives are checked by their
Taylor rate: what is left of F(x + h d) after F(x) + h F'(x) d must fall with the square of h.
"""

import copy

import numpy as np

from .checks import missing_members
from .docstrings import fill
from .kernels.workspace import Workspace
from .scheme.diffusivities import Diffusivity, Rational, with_contrast
from .scheme.fluxes import FLUX_MEMBERS, Anisotropic, Flux, Isotropic, with_diffusivity
from .scheme.operators import OPERATOR_MEMBERS, Operator

__all__ = ["check_operator", "check_flux", "check_diffusivity"]

SHAPE = (9, 11)  # of the images
LAYERS = 2


# Public ------------------------------------------------------------------------------------------


@fill
def check_diffusivity(diffusivity: Diffusivity, *, seed: int = 0) -> None:
    """Check that 0 <= g <= 1, that `derivative` is g', and that `potential` is the integral of g.

    Where the diffusivity has an attribute `contrast`, g has to be a function of x / contrast**2.

    Parameters
    ----------
    diffusivity : Diffusivity
        An object with the methods g, derivative and potential of squared gradients x >= 0.
    {end of a check}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.testing.check_diffusivity(pdenet.Charbonnier(5.0))
    """
    _check_members("diffusivity", diffusivity, ("g", "derivative", "potential"))
    contrast = getattr(diffusivity, "contrast", 1.0)
    rng = np.random.default_rng(seed)
    x = contrast**2 * np.exp(rng.uniform(np.log(1e-3), np.log(1e2), 200))
    for dtype in (np.float32, np.float64):
        for name in ("g", "derivative", "potential"):
            found = np.asarray(getattr(diffusivity, name)(x.astype(dtype)))
            _check(found.shape == x.shape and found.dtype == dtype,
                   f"{name} of an array of shape {x.shape}, {dtype.__name__} must keep both; got "
                   f"{found.shape}, {found.dtype}")
    wide = np.concatenate([[0.0], contrast**2 * np.geomspace(1e-6, 1e10, 33)])
    g = np.asarray(diffusivity.g(wide))
    _check((g >= 0).all() and (g <= 1).all(), f"g must lie in [0, 1]; got {g.min()} to {g.max()}")
    _check_taylor("derivative must be that of g", diffusivity.g, x, x,
                  diffusivity.derivative(x) * x)
    _check_taylor("g must be the derivative of potential", diffusivity.potential, x, x,
                  np.asarray(diffusivity.g(x)) * x)
    zero = np.asarray(diffusivity.potential(np.zeros(1)))
    _check(abs(zero[0]) <= 1e-9 * contrast**2, f"potential(0) must be 0; got {zero[0]}")
    if hasattr(diffusivity, "contrast"):
        _check_close("g must be a function of x / contrast**2",
                     with_contrast(diffusivity, 2 * contrast).g(4 * x), diffusivity.g(x))


@fill
def check_flux(flux: Flux, *, seed: int = 0) -> None:
    """Check that 0 <= D <= I, and that `derivative` and `density` go with `tensor`.

    `derivative` must be the Frechet derivative of D at J, and symmetric, so that it is its own
    adjoint; the derivative of `density` with respect to J must be D. Of a flux with a method
    `derivative_adjoint` this must be the adjoint instead, and it has no energy. J runs from a
    hundredth of the squared contrast to a hundredfold of it, equal eigenvalues and J = 0 included.

    Parameters
    ----------
    flux : Flux
        An object with the members of the protocol `pdenet.scheme.fluxes.Flux`.
    {end of a check}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.testing.check_flux(pdenet.Anisotropic(pdenet.Charbonnier(5.0)))
    """
    _check_members("flux", flux, FLUX_MEMBERS)
    contrast = getattr(flux.diffusivity, "contrast", 1.0)
    rng = np.random.default_rng(seed)
    structure = contrast**2 * _random_tensors(flux.mixed, (200,), rng)
    for dtype in (np.float32, np.float64):
        J = structure.astype(dtype)
        D = np.array(flux.tensor(J.copy()))
        change = np.asarray(flux.derivative(J.copy(), J.copy()))
        for name, found in (("tensor", D), ("derivative", change)):
            _check(found.shape == J.shape and found.dtype == dtype,
                   f"{name} of planes {J.shape}, {dtype.__name__} must keep both; got "
                   f"{found.shape}, {found.dtype}")
        low, high = _least_and_largest(D)
        rounding = 50 * np.finfo(dtype).eps
        _check(low >= -rounding and high <= 1 + rounding,
               f"tensor must give 0 <= D <= I; its eigenvalues are from {low} to {high}")
    inside = structure[:, 2:]  # beside J = 0 and equal eigenvalues
    inside = inside + 1e-3 * contrast**2 * _identity(inside)
    B, other = (_restrict(flux.mixed, inside * rng.uniform(-0.5, 0.5, inside.shape))
                for _ in range(2))
    D, change = _tensor(flux, inside), np.array(flux.derivative(inside.copy(), B.copy()))
    _check_taylor("derivative must be that of tensor", lambda J: _tensor(flux, J), inside, B,
                  change)
    left = _product(other, change)
    adjoint = getattr(flux, "derivative_adjoint", None)
    right = _product(B, np.array((adjoint or flux.derivative)(inside.copy(), other.copy())))
    if adjoint is not None:
        _check_close("derivative_adjoint must be that of derivative, tr(A D'(J)[B]) = "
                     "tr(B D'(J)'[A])", left, right)
    else:
        _check_close("derivative must be symmetric, tr(A D'(J)[B]) = tr(B D'(J)[A])", left, right)
        _check_taylor("the derivative of density must be tensor",
                      lambda J: np.asarray(flux.density(J.copy())), inside, B, _product(D, B))
    if flux.mixed == 0:
        without = B.copy()
        B[2] = 1.0
        _check_close("with mixed = 0, the entry 12 of a direction must count nothing",
                     np.array(flux.derivative(inside.copy(), B)),
                     flux.derivative(inside.copy(), without))
    equal = contrast**2 * _identity(structure)
    _check(np.isfinite(flux.derivative(equal, structure.copy())).all(),
           "derivative must be finite where the eigenvalues of J are equal")
    if hasattr(flux.diffusivity, "contrast"):
        wider = with_diffusivity(flux, with_contrast(flux.diffusivity, 2 * contrast))
        _check_close("tensor must be a function of J / contrast**2", _tensor(wider, 4 * structure),
                     _tensor(flux, structure))


@fill
def check_operator(operator: Operator, *, seed: int = 0) -> None:
    """Check that K' M(D) K is symmetric and bounded by the symbol, and that its adjoints are right.

    For D = I the cosine modes must be eigenvectors with the values of `symbol`, from which the
    largest stable step follows. `correlation` and `diffuse_adjoint` are checked against
    differences of `diffuse`, for D = g(J) with the operator's own `structure`.

    Parameters
    ----------
    operator : Operator
        An object with the members of the protocol `pdenet.scheme.operators.Operator`.
    {end of a check}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.testing.check_operator(pdenet.Gradient(alpha=0.3))
    """
    _check_members("operator", operator, OPERATOR_MEMBERS)
    if not getattr(operator, "of_images", True):
        raise ValueError(f"operator must be one of images; got {operator}")
    rng = np.random.default_rng(seed)
    v, z, a = rng.normal(size=(3, LAYERS, *SHAPE))
    strength = np.array([0.7, 1.3])
    _check_symbol(operator)
    _check_reach(operator, rng)
    fluxes: list = [Isotropic(Rational(2.0))]
    if operator.directional:
        fluxes.append(Anisotropic(Rational(2.0)))
    for flux in fluxes:
        structure = operator.structure(v, strength, flux.mixed, Workspace()).copy()
        D = np.array(flux.tensor(structure.copy()))
        _check_diffusion(operator, v, z, D)
        B = operator.correlation(v, z, strength, D, Workspace())
        _check_close("correlation must give B with sum_n w_n (K z_n)' M(D) K v_n = tr(B D)",
                     operator.integrate(_product(B, D)),
                     np.sum(strength[:, np.newaxis, np.newaxis] * z * _diffuse(operator, v, D)))
        _check_adjoint(operator, flux, v, z, a, strength)


# Of operators ------------------------------------------------------------------------------------


def _check_symbol(operator):
    """K' K of cosine modes, and that no image exceeds the symbol's maximum."""
    frequencies = [np.pi * np.arange(size) / size for size in SHAPE]
    X, Y = (np.sin(frequency / 2)**2 for frequency in frequencies[::-1])
    symbol = np.polynomial.polynomial.polygrid2d(Y, X, operator.symbol)
    for row, column in ((0, 0), (0, 1), (3, 0), (2, 5), (SHAPE[0] - 1, SHAPE[1] - 1)):
        mode = np.outer(*(np.cos(frequency[k] * (np.arange(size) + 0.5)) for frequency, k, size in
                          zip(frequencies, (row, column), SHAPE, strict=True)))[np.newaxis]
        _check_close("for D = I the symbol must be that of K' K",
                     _diffuse(operator, mode, _whole(operator, mode)), symbol[row, column] * mode,
                     1e-9 * symbol.max())


def _check_reach(operator, rng):
    """That K' M K gathers from no further than `reach`, in float32 too."""
    spot = np.zeros((1, 4 * operator.reach + 5, 4 * operator.reach + 5), np.float32)
    centre = spot.shape[1] // 2
    spot[0, centre, centre] = 1
    D = _whole(operator, spot)
    D[0] = rng.uniform(0, 1, D.shape[1:])
    out = _diffuse(operator, spot, D)
    _check(out.dtype == np.float32, f"diffuse must keep float32; got {out.dtype}")
    rows, columns = np.nonzero(out[0])
    far = max(np.abs(rows - centre).max(), np.abs(columns - centre).max())
    _check(far <= operator.reach, f"reach must be at least {far}; got {operator.reach}")


def _check_diffusion(operator, v, z, D):
    """Symmetry, scale and add of `diffuse`; 0 <= K' M(D) K <= K' K."""
    Kv, Kz = _diffuse(operator, v, D), _diffuse(operator, z, D)
    _check_close("K' M(D) K must be symmetric", np.sum(z * Kv), np.sum(v * Kz))
    whole = np.sum(v * _diffuse(operator, v, _whole(operator, v, len(D))))
    _check(-1e-9 * whole <= np.sum(v * Kv) <= (1 + 1e-9) * whole,
           "K' M(D) K must lie between 0 and K' K for 0 <= D <= I")
    out = z.copy()
    operator.diffuse(v, D, -0.5, True, out, Workspace())
    _check_close("diffuse must add scale K' M(D) K v if asked", out, z - 0.5 * Kv)


def _check_adjoint(operator, flux, v, z, a, strength):
    """`diffuse_adjoint` where v steers itself, and where a steers."""
    def weighted(first, second):
        return float(np.einsum("n,nij,nij", strength, first, second))

    def value(diffusing, steering):
        J = operator.structure(steering, strength, flux.mixed, Workspace()).copy()
        return weighted(z, _diffuse(operator, diffusing, np.array(flux.tensor(J))))

    direction = np.random.default_rng(5).normal(size=v.shape)
    for steers in (v, a):
        tied = steers is v
        J = operator.structure(steers, strength, flux.mixed, Workspace()).copy()
        D = np.array(flux.tensor(J.copy()))
        B = np.array(operator.correlation(v, z, 2 * strength, D, Workspace()))
        C = np.array(flux.derivative(J, B))
        out, steered = np.empty_like(v), np.empty_like(v[:0] if tied else a)
        along, across = operator.diffuse_adjoint(v, z, strength, steers, D, C, out, steered,
                                                 Workspace())
        if tied:
            _check_taylor("diffuse_adjoint must be the derivative with respect to the layers",
                          lambda u: np.array([value(u, u)]), v, direction,
                          np.array([weighted(direction, out)]))
        else:
            _check_taylor("diffuse_adjoint must be the derivative with respect to the layers that "
                          "diffuse", lambda u: np.array([value(u, steers)]), v, direction,
                          np.array([weighted(direction, out)]))
            _check_taylor("diffuse_adjoint must be the derivative with respect to the layers that "
                          "steer", lambda u: np.array([value(v, u)]), steers, direction,
                          np.array([weighted(direction, steered)]))
        _check_close("diffuse_adjoint must return the sums of (K v_n)' M(D) K z_n",
                     along, np.sum(z * _diffuse(operator, v, D), axis=(1, 2)))
        for n in range(len(steers)):
            only = np.zeros_like(steers)
            only[n] = steers[n]
            _check_taylor("diffuse_adjoint must return the sums of (K a_n)' M(C) K a_n / 2",
                          lambda u: np.array([value(v, u)]), steers, only,
                          np.array([2 * strength[n] * across[n]]))


def _diffuse(operator, v, D):
    """K' M(D) K v."""
    out = np.full_like(v, 7)
    operator.diffuse(v, D, 1.0, False, out, Workspace())
    return out


def _whole(operator, v, count=1):
    """D = I where the operator lives, in one plane or in three."""
    shape = operator.structure(v, np.ones(len(v), v.dtype), None, Workspace()).shape[1:]
    D = np.zeros((count, *shape), v.dtype)
    D[0] = 1
    return D


# Tensors as planes -------------------------------------------------------------------------------


def _random_tensors(mixed, shape, rng):
    """Traces (1, ...), or tensors (3, ...) >= 0, the first 0 and the second a multiple of I."""
    first, second = np.exp(rng.uniform(np.log(1e-2), np.log(1e2), (2, *shape)))
    first[0] = second[0] = 0
    first[1] = second[1]
    if mixed is None:
        return (first + second)[np.newaxis]
    angle = rng.uniform(0, 2 * np.pi, shape)
    m, r = (first + second) / 2, (first - second) / 2
    return _restrict(mixed, np.stack([m, r * np.cos(angle), r * np.sin(angle)]))


def _restrict(mixed, tensor):
    """The entry 12 of a tensor times what it counts."""
    if mixed is not None:
        tensor[2] *= mixed
    return tensor


def _identity(tensor):
    """I in the form of a tensor."""
    found = np.zeros_like(tensor)
    found[0] = 1
    return found


def _tensor(flux, structure):
    """D for a structure tensor that is kept."""
    return np.array(flux.tensor(structure.copy()))


def _product(A, B):
    """tr(A B) at each place."""
    return A[0] * B[0] if len(A) == 1 else 2 * (A[0] * B[0] + A[1] * B[1] + A[2] * B[2])


def _least_and_largest(D):
    """The least and the largest eigenvalue."""
    if len(D) == 1:
        return D.min(), D.max()
    r = np.hypot(D[1], D[2])
    return (D[0] - r).min(), (D[0] + r).max()


# Assertions --------------------------------------------------------------------------------------


def _check(holds, message):
    if not holds:
        raise AssertionError(message)


def _check_members(name, part, members):
    missing = missing_members(part, members)
    _check(not missing, f"{name} has no {', '.join(missing)}")


def _check_close(message, found, expected, atol=0.0):
    found, expected = np.asarray(found), np.asarray(expected)
    error = np.abs(found - expected).max()
    size = np.abs(expected).max()
    _check(error <= 1e-9 * size + atol, f"{message}; off by {error:.3g} of {size:.3g}")


def _check_taylor(message, function, x, direction, slope):
    """Raise unless function(x + h direction) - function(x) - h slope falls with the square of h."""
    steps = [4e-4, 2e-4, 1e-4]
    start = copy.copy(np.asarray(function(x)))
    rest = [np.abs(np.asarray(function(x + h * direction)) - start - h * slope).sum()
            for h in steps]
    if rest[-1] <= 1e-7 * steps[-1] * np.abs(slope).sum():  # nothing is left but rounding
        return
    rates = np.log2(np.array(rest[:-1]) / rest[1:])
    _check(rates.min() >= 1.9, f"{message}; |F(x + h d) - F(x) - h F'(x) d| falls as "
                               f"h^{rates.min():.2f} near h = {steps[-1]:g}, for a right "
                               f"derivative as h^2")
