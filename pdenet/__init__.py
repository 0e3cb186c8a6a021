"""Diffusion filters and rotationally invariant diffusion networks for images.

Numbers of equations, sections and tables are those of T. Alt, K. Schrader, J. Weickert, P. Peter
and M. Augustin, "Designing Rotationally Invariant Neural Networks from PDEs and Variational
Methods", Research in the Mathematical Sciences 9, 2022, arXiv:2108.13993.
"""

import importlib

__version__ = "0.1.0"

# Every public name, by the module that it comes from; `__init__.pyi` shows them to editors.
NAMES = {module: tuple(names.split()) for module, names in {
    "filters": ("perona_malik you_kaveh lysaker_lundervold_tai gerig weickert_brox eed "
                "weickert_1994 multiscale ced"),
    "denoising": "denoise denoiser",
    "inpainting": "inpaint",
    "estimates": "estimate_contrast estimate_time",
    "noise.level": "estimate_noise",
    "noise.poisson": "PoissonNoise",
    "noise.speckle": "SpeckleNoise",
    "noise.rician": "RicianNoise",
    "sweeping": "sweep",
    "network.network": "DiffusionNetwork",
    "network.saved": "load pretrained",
    "files.document": "FormatError",
    "scheme.block": "DiffusionBlock",
    "scheme.operators": "Gradient Laplacian Hessian",
    "scheme.scales": "ScaleSpace",
    "scheme.dictionary": "Dictionary",
    "scheme.channels": "Channels",
    "scheme.fluxes": "Isotropic Anisotropic Uncoupled Orientations",
    "scheme.coherence": "CoherenceEnhancing",
    "scheme.diffusivities": "Exponential Rational Charbonnier Weickert Coherence",
    "learning.fit": "fit fit_noisy",
    "learning.optimizers": "Adam LBFGS",
    "experiments.rectangles": "rectangles add_noise",
    "experiments.audit": "rotation_audit",
}.items()}
_HOME = {name: module for module, names in NAMES.items() for name in names}
_MODULES = ("filters", "models", "testing")

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name):  # import on first use, so that importing pdenet costs nothing
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
