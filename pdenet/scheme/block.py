"""The explicit step and its adjoint, each written once: the diffusion block.

    u_m  <-  u_m - tau sum_l w_l G_l K' M(D) K G_l u_m,     m = 1..M channels, l = 1..L scales
             + tau reaction (f_m - u_m)
             - tau sum_g c_g F_g' F_g u_m / (1 + E_g)

Without its last lines this is eq. (17) for M = L = 1, eq. (28) for L = 1, and eq. (36) for M = 1.
The second line is not in the paper: it pulls u back to f, the image that the network was given;
where pixels are known, the step ends with u = f instead, see `data_terms`. The third is a
dictionary of further operators beside K, as Section 5 proposes, see `dictionary`. The scales give
w_l = omega_l beta_l^2 and G_l, see `scales`. Channels and scales form one axis of layers n = (m,
l), v_n = G_l u_m, which are coupled by one tensor, D = g(J) with J = sum_n w_n K v_n (K v_n)'.

For gradients K v = (p, q, s) and K z = (P, Q, S), see `operators.Gradient`, the product K v (K z)'
stands for the 2 x 2 matrix [[p P + k s S, p Q], [q P, q Q + k s S]], k = (1 - 2 alpha) / 4, and
sym(A) for (A + A') / 2; so tr(D sym(K v (K z)')) = (K z)' M(D) K v for gamma = 0.

The adjoint takes the cotangent of the step's result, the derivatives of some number with respect to
it, to those with respect to u and to the parameters. With the layers v_n = G_n u and z_n = G_n
cotangent

    B = sum_n w_n sym(K z_n (K v_n)')       the cotangent of D, but for the factor -tau
    C = g'(J)'[2 B]                         twice that of J; the derivative of g at J is symmetric
    cotangent <- cotangent - tau sum_n w_n G_n K' (M(D) K z_n + M(C) K v_n)

by the product rule: the first term differentiates the layer that diffuses, the second the structure
that steers it. M(C) is the derivative of J: it has the weight of the twist that J has, the multiple
`structure_twist` of k, and gamma = 0, as it must be linear in C. With gamma > 0 the entry 12
of B has another term, -gamma sign(D_12) k s S for each layer. A reaction adds -tau reaction
cotangent to the cotangent of u, and tau reaction cotangent to that of f. Where other layers steer,
the second term is theirs, and so is its part of the derivatives with respect to the strengths

    d/dw_n = -tau sum over cells of [(K z_n)' M(D) K v_n + 1/2 (K v_n)' M(C) K v_n].

Where J is averaged, D = g(sum_k w_k G_k J), C is averaged as well, see `integration`, and

    d/dw_k = -tau / 2 sum over cells of tr(C G_k J)     with C before it is averaged.

The derivative with respect to tau is -sum_n w_n of the first sum; as g is a function of J /
contrast^2, that with respect to the contrast is 2 tau / contrast sum_n w_n of the second.
Multiplying the contrast and all weights, beta_l and those that steer, by a factor and dividing tau
by its square changes nothing, so that without a reaction and a dictionary, with s_l that steer,

    sum_l beta_l d/dbeta_l + sum_l s_l d/ds_l + contrast d/dcontrast - 2 tau d/dtau = 0.

Where the kernels know D (`DeferredTensor`), they compute it while they compute K' M(D) K, row by
row; and where nothing is smoothed, `explicit_steps` makes several steps in one pass, by the same
functions of a row of cells, `pdenet.kernels.cell_rows`, so that the numbers are equal.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from . import integration, masks, tensors
from ..checks import check_members
from ..execution.tiles import extended
from ..kernels.planes import Source
from ..kernels.workspace import Workspace
from .channels import ALIKE, Channels
from .data_terms import DataTerm, build_data_term
from .dictionary import Dictionary
from .diffusivities import CompiledDiffusivity
from .fluxes import FLUX_MEMBERS, Flux, with_diffusivity
from .limits import Limits
from .operators import OPERATOR_MEMBERS, Box, DeferredTensor, FusedOperator, Operator
from .scales import ScaleSpace

__all__ = ["DiffusionBlock"]


@dataclass(frozen=True, eq=False)
class DiffusionBlock(Limits):
    """One residual block: the explicit step with operator K, scales G, and flux Phi.

    As the residual block of eq. (5) it has W_1 = K, phi_1 = tau Phi, W_2 = -K', no bias, eq. (18);
    with several scales it is the ResNeXt block of eq. (37), see eq. (38).

    Parameters
    ----------
    operator : Operator
        `Gradient`, `Laplacian`, `Hessian`, or an object like them.
    scales : ScaleSpace
        The scales that diffuse.
    flux : Flux
        `Isotropic`, `Anisotropic`, `Uncoupled`, `Orientations`, or an object like them.
    steering : ScaleSpace, optional
        The scales whose structure steers the diffusion; those that diffuse by default.
    reaction : float, optional
        How strongly the step pulls back to the image given at first, per time, >= 0.
    integration : ScaleSpace, optional
        The scales over which the structure tensor is averaged, J <- sum_k w_k G_k J.
    dictionary : Dictionary, optional
        Further operators beside K.
    channels : Channels, optional
        Weights of the channels in J, and which of them are guides.
    known : ndarray of bool, of shape (H, W), optional
        Where the step's result is the image given at first, instead of a reaction.

    Raises
    ------
    TypeError
        If a part lacks a member that is asked of it.
    ValueError
        If the flux needs a structure tensor and the operator has none, the reaction is < 0, or
        there is a dictionary and the flux has no contrast.

    Examples
    --------
    >>> import pdenet
    >>> block = pdenet.DiffusionBlock(pdenet.Gradient(), pdenet.ScaleSpace([0.0]),
    ...                               pdenet.Isotropic(pdenet.Exponential(5.0)))
    >>> round(block.tau_max, 3)
    0.5
    """

    operator: Operator
    scales: ScaleSpace
    flux: Flux
    steering: ScaleSpace | None = None
    reaction: float | None = None
    integration: ScaleSpace | None = None
    dictionary: Dictionary | None = None
    channels: Channels | None = None
    known: np.ndarray | None = None
    data_term: DataTerm = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "data_term", build_data_term(self.reaction, self.known))
        check_members("operator", self.operator, OPERATOR_MEMBERS,
                      "Gradient, Laplacian, Hessian or another Operator")
        check_members("flux", self.flux, FLUX_MEMBERS,
                      "Isotropic, Anisotropic, Uncoupled, Orientations or another Flux")
        check_members("scales", self.scales, ("strength",), "ScaleSpace")
        check_members("steering", self._steering, ("strength",), "ScaleSpace or None")
        check_members("channels", self._channels, ("diffusing",), "Channels or None")
        if self.integration is not None:
            check_members("integration", self.integration, ("strength",), "ScaleSpace or None")
            check_members("operator", self.operator, ("parities",), "an Operator with parities")
        if self.flux.mixed is not None and not self.operator.directional:
            raise ValueError(f"flux must be Isotropic with operator {self.operator}; "
                             f"got {self.flux}")
        if self.dictionary is not None:
            check_members("dictionary", self.dictionary, ("rates",), "Dictionary or None")
            if not hasattr(self.flux.diffusivity, "contrast"):
                raise ValueError(f"a dictionary needs a flux with a contrast; got {self.flux}")
            if not self.of_images:
                raise ValueError(f"a dictionary is for images whose pixels are of the size 1 x 1; "
                                 f"got spacing {self.spacing}")
        for name in ("scales", "steering", "integration"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, getattr(self, name).spaced(self.spacing))

    # The step -------------------------------------------------------------------------------------

    def step(self, u: np.ndarray, v: np.ndarray, tensor: Any, tau: float, f: np.ndarray,
             out: np.ndarray, work: Workspace, held: np.ndarray | None = None) -> np.ndarray:
        """out = u_m - tau sum_l w_l G_l K' M(tensor) K v_ml + tau reaction (f_m - u_m) for the
        layers v_ml = G_l u_m: the explicit step, eq. (17), eq. (28), eq. (36). `held` are the
        weights of a dictionary, where they are not those of u."""
        np.copyto(out, u)
        self.data_term.add_step(u, f, tau, out)
        whole = out
        u, v, out = self._channels.diffusing(u, v, out)
        if self.dictionary is not None:
            self.dictionary.add_step(u, self._contrast, tau, out, work, held)
        if v.shape == u.shape and self.scales.reach == 0:  # G = I
            self.operator.diffuse(v, tensor, -tau * self.scales.strength[0], True, out, work)
        else:
            divergence = work.part("cotangent").array("layers", v.shape, v.dtype)
            self.operator.diffuse(v, tensor, 1.0, False, divergence, work)
            self.scales.add_adjoint(divergence, -tau, out, work)
        self.data_term.keep(whole, f)
        return whole

    def step_adjoint(self, u: np.ndarray, layers: tuple[np.ndarray, np.ndarray, Any], tau: float,
                     f: np.ndarray, cotangent: np.ndarray, out: np.ndarray,
                     given: np.ndarray | None, work: Workspace) -> dict[str, Any]:
        """out = the cotangent of u, for the cotangent of the step's result: the adjoint of `step`.

        `layers` are those of the method `layers` at u; the cotangent of f is added to `given`.
        Returns the derivatives with respect to the parameters under the names that
        `DiffusionNetwork.parameters` has.
        """
        v, steers, tensor = layers
        cotangent = self.data_term.keep_adjoint(cotangent, given)
        diffusing, v, own = self._channels.diffusing(cotangent, v, out)
        z = self.scales.smooth(diffusing, work.part("cotangent"))
        strength, change, by_average = ALIKE.strength(v, self.scales), None, np.zeros(0)
        if not isinstance(tensor, DeferredTensor):
            J = self.local_structure(steers, work)
            adjoint = getattr(self.flux, "derivative_adjoint", self.flux.derivative)
            change = adjoint(self._average(J, work), self.operator.correlation(
                v, z, 2 * strength, tensor, work))
            if self.integration is not None:
                change, by_average = integration.average_adjoint(
                    self.integration, J, change, self.operator, work)
        steered = v[:0]
        if apart := self.steering is not None or self.channels is not None:
            steers = steers[:]  # a new view: operators take `steers is v` for steering by v itself
            steered = work.array("steered", steers.shape, steers.dtype)
        np.copyto(out, cotangent)  # before, as z may be the cotangent itself
        gradient = self.data_term.add_adjoint(u, f, tau, cotangent, out, given)
        others = {} if self.dictionary is None else self.dictionary.add_adjoint(
            self._channels.diffusing(u)[0], self._contrast, tau, diffusing, own, work)
        sums = self.operator.diffuse_adjoint(v, z, strength, steers, tensor, change, z, steered,
                                             work)
        flux_sums = sums[0].reshape(len(own), -1).sum(0)
        structure_sums, by_channel = self._channels.sums(sums[1].reshape(len(out), -1),
                                                         self._steering)
        self.scales.add_adjoint(z, -tau, own, work)
        if apart:
            self._channels.add_adjoint(self._steering, steered, -tau, out, work)
        by_strength = ({"beta": flux_sums + structure_sums} if self.steering is None
                       else {"beta": flux_sums, "steering": structure_sums})
        all_scales = {"beta": self.scales, "steering": self._steering}
        if self.integration is not None:
            by_strength["integration"] = by_average / 2
            all_scales["integration"] = self.integration
        for name, values in by_strength.items():
            scales = all_scales[name]
            gradient[name] = -2 * tau * scales.omega * scales.weights * values
        if hasattr(self.flux.diffusivity, "contrast"):
            gradient["contrast"] = float(2 * tau / self.flux.diffusivity.contrast
                                         * (self._steering.strength @ structure_sums))
        gradient["tau"] -= float(self.scales.strength @ flux_sums)
        for name, value in others.items():
            gradient[name] = gradient.get(name, 0) + value
        if self.channels is not None:
            gradient["guiding"] = -2 * tau * self.channels.guiding * by_channel
        return gradient

    def cycle(self, u: np.ndarray, taus: tuple[float, ...], f: np.ndarray, work: Workspace,
              inner: Box | None = None) -> np.ndarray:
        """u after steps of the sizes `taus`, with the tensor D held as it is at their beginning.

        With one size it is the explicit step, with several a cycle of fast explicit diffusion; f is
        the image given at first. The result lies in `work`, as u may; beyond the `inner` part of
        the image it may be undefined.
        """
        if len(taus) == 1 and self.compiled:
            v = u[:0] if self.steering is None else self.steering.smooth(u, work)
            tile = whole = tuple(end for size in u.shape[1:] for end in (0, size))
            if inner is not None and cast(FusedOperator, self.operator).mask is None:
                tile = extended(inner, 1, u.shape[1:])
            out = work.other(u)
            self.explicit_steps(taus, u, v, tile, inner or whole, out)
            return out
        tensor = held = None
        if self.dictionary is not None and len(taus) > 1:
            held = self.dictionary.hold(u, self._contrast, work)
        for tau in taus:
            v = self.scales.smooth(u, work)
            if tensor is None:
                tensor = self.tensor(self.steering_layers(u, work, v), work, hold=len(taus) > 1)
            u = self.step(u, v, tensor, tau, f, work.other(u), work, held)
        return u

    def explicit_steps(self, taus: npt.ArrayLike, u: np.ndarray, steers: np.ndarray, tile: Box,
                       inner: Box, out: np.ndarray) -> None:
        """Explicit steps of the sizes `taus` in one pass over the image u, for a block that is
        `compiled`: the numbers of `step`, sooner.

        `steers` are the layers that steer, none if they are u itself. `tile` and `inner` are parts
        of the image, see `pdenet.kernels.several_steps`.
        """
        source = Source(steers, ALIKE.strength(steers if len(steers) else u, self._steering),
                        self._law(u.dtype))
        scales = (-self.scales.strength[0] * np.array(taus)).astype(u.dtype)
        cast(FusedOperator, self.operator).explicit_steps(u, source, self.flux.mixed, scales, tile,
                                                          inner, out)

    # What it is made of ---------------------------------------------------------------------------

    def layers(self, u: np.ndarray, work: Workspace) -> tuple[np.ndarray, np.ndarray, Any]:
        """The layers that diffuse, the layers that steer, and the tensor D, for an image u."""
        v = self.scales.smooth(u, work)
        steers = self.steering_layers(u, work, v)
        return v, steers, self.tensor(steers, work)

    def steering_layers(self, u: np.ndarray, work: Workspace,
                        v: np.ndarray | None = None) -> np.ndarray:
        """The layers that steer; v are the layers that diffuse, if they are known already: where
        both have the same sigmas they are returned instead of being smoothed again."""
        if v is not None and self._same_scales:
            return v
        return self._steering.smooth(u, work.part("steering"))

    def local_structure(self, steers: np.ndarray, work: Workspace) -> np.ndarray:
        """J = sum_n w_n J(v_n) of the layers that steer."""
        strength = self._channels.strength(steers, self._steering)
        return self.operator.structure(steers, strength, self.flux.mixed, work)

    def structure(self, steers: np.ndarray, work: Workspace) -> np.ndarray:
        """J of the layers that steer, averaged over the scales of integration."""
        return self._average(self.local_structure(steers, work), work)

    def _average(self, J, work):
        return J if self.integration is None else integration.average(
            self.integration, J, cast(Any, self.operator).parities, work)

    def trace(self, steers: np.ndarray, work: Workspace) -> np.ndarray:
        """tr J."""
        return tensors.trace(self.structure(steers, work))

    def tensor(self, steers: np.ndarray, work: Workspace, hold: bool = False) -> Any:
        """D for these layers that steer, in the form that operators take; with `hold` in planes, so
        that it stays as it is when the layers change."""
        if not self._fused:
            return self.flux.tensor(self.structure(steers, work))
        strength = self._channels.strength(steers, self._steering)
        law, mixed = self._law(steers.dtype), self.flux.mixed
        if hold:
            return cast(FusedOperator, self.operator).tensor(steers, strength, law, mixed, work)
        return DeferredTensor(steers, strength, law, mixed)

    @functools.cached_property
    def _fused(self):
        """Whether kernels compute D = g(J) while they compute the flux."""
        return (self.integration is None and getattr(self.operator, "fused", False)
                and getattr(self.flux, "compiled", False))

    def _law(self, dtype):
        """g as the kernels take it, where they know it."""
        return cast(CompiledDiffusivity, self.flux.diffusivity).law(dtype)

    @property
    def compiled(self) -> bool:
        """Whether one kernel can make several explicit steps in one pass."""
        return (self._fused and self.scales.sigmas.size == 1
                and self.scales.reach == 0 and not self.data_term.active
                and self.dictionary is None and self.channels is None)

    @property
    def _contrast(self):
        return getattr(self.flux.diffusivity, "contrast")

    @property
    def _steering(self):
        return self.scales if self.steering is None else self.steering

    @functools.cached_property
    def _same_scales(self):
        """Whether the layers that steer are those that diffuse."""
        return np.array_equal(self._steering.sigmas, self.scales.sigmas)

    @property
    def _channels(self):
        return self.channels or ALIKE

    def similar(self, other: DiffusionBlock) -> bool:
        """Whether the other block has other parameters than this one, and nothing else that
        differs."""
        def kind(block):
            flux = block.flux
            if dataclasses.is_dataclass(flux):
                flux = with_diffusivity(flux, self.flux.diffusivity)
            return (*[part and tuple(part.sigmas)
                      for part in (block.scales, block.steering, block.integration)],
                    flux if dataclasses.is_dataclass(flux) else type(flux),
                    type(block.flux.diffusivity), block.data_term.active,
                    block.dictionary and block.dictionary.smoothing,
                    block.channels and (block.channels.guiding.size, block.channels.guides))
        return kind(self) == kind(other)

    def masked(self, mask: masks.Mask) -> DiffusionBlock:
        """This block for the measured pixels alone: others, which must hold 0, keep it."""
        parity = masks.parity_of(self.operator)
        return dataclasses.replace(
            self, operator=masks.masked_operator(self.operator, mask.plane),
            scales=mask.of(self.scales), steering=self.steering and mask.of(self.steering),
            integration=self.integration and mask.of(self.integration, parity),
            dictionary=self.dictionary and self.dictionary.masked(mask.inside))

    # What is known of it; and what `Limits` says --------------------------------------------------

    def check(self, planes: np.ndarray) -> None:
        """Raise ValueError unless planes (M, H, W) are as many as the channels have weights."""
        self._channels.check(planes)

    def energy(self, u: np.ndarray, f: np.ndarray | None = None) -> float:
        """The energy of planes u that the step descends, its gradient is -2/tau (step - u): the sum
        over the cells of the flux's density, the dictionary's energy, and the data term's, which
        may need the image f given at first. A ValueError, if there is none."""
        self.check_energy()
        self.check(u)
        work = Workspace()
        data = self.data_term.energy(u, f)
        if self.dictionary is not None:
            data += self.dictionary.energy(self._channels.diffusing(u)[0], self._contrast, work)
        structure = self.structure(self.steering_layers(u, work), work)
        return self.operator.integrate(self.flux.density(structure)) + data
