"""Diffusion filters and rotationally invariant diffusion networks for images."""

import importlib

__version__ = "0.1.0"

_HOME = {name: module for module, names in {
    "filters": ("perona_malik you_kaveh lysaker_lundervold_tai gerig weickert_brox eed "
                "weickert_1994 multiscale"),
    "estimates": "estimate_contrast estimate_time",
    "scheme.block": "DiffusionBlock",
    "network.network": "DiffusionNetwork",
    "scheme.operators": "Gradient Laplacian Hessian",
    "scheme.scales": "ScaleSpace",
    "scheme.fluxes": "Isotropic Anisotropic Uncoupled Orientations",
    "scheme.diffusivities": "Exponential Rational Charbonnier Weickert",
    "network.saved": "load pretrained FormatError",
    "learning.fit": "fit fit_noisy Adam",
    "experiments.rectangles": "rectangles add_noise",
    "denoising": "denoise denoiser",
    "experiments.audit": "rotation_audit",
}.items() for name in names.split()}
_MODULES = ("filters", "models")

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
