"""The adjoint of networks of volumes, and that its tests catch what is wrong."""

import dataclasses

import numpy as np
import pytest

import pdenet

from ..gradients import check_gradient, check_gradient_along
from ..mutants import assert_all_are_killed
from ..volumes import FLAT, VOLUMES
from ..test_volumes import every_model


@every_model
def test_gradient_of_every_model(case):
    check_gradient(case.network(30.0, steps=2), case.image(scale=20.0, shape=(3, 3, 4)),
                   case.channel_axis)


def of_each_step(network):
    rng = np.random.default_rng(4)
    network = network.per_step()
    return network.with_parameters({name: value * rng.uniform(0.6, 1, value.shape)
                                    for name, value in network.parameters.items()})


@pytest.mark.parametrize("name", ["eed", "multiscale-anisotropic", "eed-integration"])
def test_gradient_of_each_step_with_a_reaction_and_alpha(name):
    case = VOLUMES[name]
    network = of_each_step(case.network(30.0, steps=2, reaction=0.3, tau=0.1,
                                        operator=pdenet.Gradient(0.3, structure_twist=0.4)))
    check_gradient(network, case.image(scale=20.0, shape=(2, 3, 4)))


@pytest.mark.parametrize("name", ["gerig-flat", "multiscale-anisotropic", "eed-integration"])
def test_gradient_in_float32_follows_float64(name):
    case = VOLUMES[name]
    network, u, cotangent = case.network(30.0, steps=3), case.image(scale=20.0), case.image(3)
    (_, double), (out, single) = (network.vjp(u.astype(dtype), channel_axis=case.channel_axis)
                                  for dtype in (float, np.float32))
    (u64, g64), (u32, g32) = double(cotangent), single(cotangent)
    assert out.dtype == u32.dtype == np.float32
    assert np.abs(u32 - u64).max() <= 1e-3 * np.abs(u64).max()
    for key, value in g64.items():
        assert np.abs(g32[key] - value).max() <= 1e-3 * np.abs(value).max()


def test_gradient_of_images_whose_pixels_are_not_squares():
    network = pdenet.models.eed(30.0, steps=2, spacing=(1.5, 0.8))
    check_gradient(network, np.random.default_rng(0).normal(100, 20, (4, 5)))


def noisy_volumes(count=2):
    clean = np.zeros((count, 8, 9, 10))
    clean[:, 2:6, 3:, 2:7] = 200
    return clean + np.random.default_rng(0).normal(0, 40, clean.shape), clean


def test_fit_and_fit_noisy_learn_and_do_not_depend_on_the_workers():
    noisy, clean = noisy_volumes()
    network = pdenet.models.eed(60.0, tau=0.1, steps=2, spacing=FLAT)
    fitted, history = pdenet.fit(network, noisy, clean, epochs=4, workers=1)
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert fitted.spacing == FLAT
    again, _ = pdenet.fit(network, list(noisy), list(clean), epochs=4, workers=2)
    assert str(again.parameters) == str(fitted.parameters)
    loss, gradient = network.loss_and_gradient(noisy, clean)
    assert loss == pytest.approx(np.mean((np.stack([network(u) for u in noisy]) - clean)**2))
    assert list(gradient) == list(network.parameters)
    _, history = pdenet.fit_noisy(network, noisy[0], 40.0, epochs=4)
    assert history[-1]["loss"] < history[0]["loss"]
    with pytest.raises(ValueError, match=r"shape \(D, H, W\) or \(N, D, H, W\), N >= 1"):
        pdenet.fit(network, noisy[0, 0], clean[0, 0])


MUTANTS = [
    ("kernels/volumes/tensors.py", "level, tilt = sum_ - g23 * mean",
     "level, tilt = sum_ + g23 * mean"),
    ("kernels/volumes/tensors.py", "turned = half * (quotients[0] + quotients[1]), half *",
     "turned = half * (quotients[0] + quotients[1]), one *"),
    ("kernels/volumes/tensors.py", "add_dyads(half * (values[0] - level)",
     "add_dyads(half * (values[0] + level)"),
    ("kernels/volumes/tensors.py", "fma(tilt, N[1], level)", "fma(tilt, N[0], level)"),
    ("kernels/volumes/tensors.py", "half * inner(N, rest)\n    return",
     "inner(N, rest)\n    return"),
    ("kernels/volumes/rows.py", "s2 * entries[1]", "s2 * entries[2]"),
    ("kernels/volumes/rows.py", "(factor * quotient_of(rule, x1, x2", "(quotient_of(rule, x1, x2"),
    ("kernels/volumes/rows.py", "factor * quotient_of(rule, x1, x3, g1, g3, s1, s3",
     "factor * quotient_of(rule, x1, x2, g1, g2, s1, s2"),
    ("kernels/volumes/rows.py", "trace = law.factor * slope(law.rule, g, x, one) * trace",
     "trace = number(1.001) * law.factor * slope(law.rule, g, x, one) * trace"),
    ("kernels/volumes/rows.py", "flux = plus(flux, change)", "flux = plus(change, change)"),
    ("kernels/volumes/rows.py", "given.change + j, stencil.structure_twist,",
     "given.change + j, stencil.twist,"),
    ("kernels/volumes/rows.py", "strength[n], stencil.twist, total)",
     "strength[n], stencil.structure_twist, total)"),
    ("kernels/volumes/cells.py", "fma(h2, S3, fma(h3, S2, total[3]))",
     "fma(h2, S3, fma(h2, S3, total[3]))"),
    ("kernels/volumes/cells.py", "cube = ((weight + weight) * twist)", "cube = (weight * twist)"),
    ("kernels/volumes/cells.py", "h2 + h2, h3 + h3", "h2, h3 + h3"),
    ("kernels/volumes/slices.py", "(share + share if mixed is None else share) * strength",
     "share * strength"),
    ("kernels/volumes/slices.py", "measure + ends * pitch", "measure"),
    ("kernels/volumes/slices.py", "half * half * memory", "half * memory"),
    ("kernels/volumes/slices.py", "if i % 16 == 15 or i == rows", "if i % 16 == 15"),
    ("scheme/tensors.py", "6: (1, 1, 1, 2, 2, 2)", "6: (1, 1, 1, 1, 1, 1)"),
    ("scheme/gradient.py", "(EVEN, ODD, ODD), (ODD, EVEN, ODD)",
     "(ODD, EVEN, ODD), (EVEN, ODD, ODD)"),
    ("kernels/volumes/rows.py", "change = -(share * s *", "change = (share * s *"),
    ("kernels/volumes/rows.py", "last = share * quotient_of", "last = quotient_of"),
    ("scheme/fluxes.py", "changed[2 if len(direction) == 3 else 3:]", "changed[2:2]"),
]
CODE = """
import numpy as np
import pdenet
from tests.gradients import check_gradient_along
from tests.network.test_adjoint_of_volumes import mutated
for network, u in mutated():
    check_gradient_along(network, u)
"""


def mutated():
    """Networks and volumes on which mutants are caught."""
    u = np.random.default_rng(1).normal(100, 25, (2, 3, 4))
    wide = np.random.default_rng(1).normal(100, 25, (1, 17, 2))
    twist = pdenet.Gradient(0.3, structure_twist=0.4)
    for name in ("multiscale-isotropic", "multiscale-anisotropic", "eed-integration", "ced-flat",
                 "multiscale-uncoupled"):
        yield VOLUMES[name].network(20.0, operator=twist, steps=2, tau=0.1), u
    yield VOLUMES["weickert_brox-flat"].network(20.0, operator=twist, steps=1, tau=0.1), wide
    own = VOLUMES["multiscale-uncoupled"].network(20.0, steps=1, tau=0.1)
    yield dataclasses.replace(own, integration=pdenet.ScaleSpace([0.5])), u


def test_every_mutant_is_killed(tmp_path):
    check_gradient_along(*next(mutated()))
    assert_all_are_killed(tmp_path, CODE, MUTANTS)
