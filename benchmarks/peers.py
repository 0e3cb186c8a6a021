"""The peers that a benchmark can find, each as a function of a float32 image, by name.

Every one runs 20 explicit steps of Perona-Malik with its own rational ("quadratic") or
exponential diffusivity; SimpleITK its gradient anisotropic diffusion. Missing packages are
reported and left out.
"""

import functools

import numpy as np

from . import script

STEPS, CONTRAST, TAU = 20, 30.0, 0.2


def numpy_slices(image):
    """The usual NumPy program: differences, rational diffusivity, in-place updates."""
    u = image.copy()
    one, scale, tau = np.float32(1), np.float32(CONTRAST**-2), np.float32(TAU)
    for _ in range(STEPS):
        dx, dy = u[:, 1:] - u[:, :-1], u[1:] - u[:-1]
        fx, fy = tau * dx / (one + scale * dx * dx), tau * dy / (one + scale * dy * dy)
        u[:, :-1] += fx
        u[:, 1:] -= fx
        u[:-1] += fy
        u[1:] -= fy
    return u


def _diplib(threads):
    import diplib
    diplib.SetNumberOfThreads(threads)
    return lambda image: diplib.PeronaMalikDiffusion(
        diplib.Image(image), iterations=STEPS, K=CONTRAST, stepSizeLambda=TAU, g="quadratic")


def _opencv(threads):
    import cv2
    cv2.setNumThreads(threads)

    def run(image):  # takes 8-bit images of three channels only; counted per pixel
        colour = np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
        return lambda: cv2.ximgproc.anisotropicDiffusion(colour, TAU, CONTRAST / 255, STEPS)
    return run


def _medpy(threads):
    from medpy.filter.smoothing import anisotropic_diffusion
    return lambda image: anisotropic_diffusion(image, niter=STEPS, kappa=CONTRAST, gamma=TAU,
                                               option=2)


def _simpleitk(threads):
    import SimpleITK
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    return lambda image: SimpleITK.GradientAnisotropicDiffusion(
        SimpleITK.GetImageFromArray(image), timeStep=0.125, conductanceParameter=3.0,
        numberOfIterations=STEPS)


def perona_malik(threads, skip=()):
    """{name: function of an image} of all peers found, on so many threads."""
    builders = {"DIPlib quadratic": _diplib, "OpenCV 8-bit x 3": _opencv, "medpy": _medpy,
                "SimpleITK gradient": _simpleitk}
    return {"NumPy slices": numpy_slices} | script.available({
        name: functools.partial(build, threads) for name, build in builders.items()
        if name not in skip})


def _diplib_coherence(threads, steps):
    import diplib
    diplib.SetNumberOfThreads(threads)
    return lambda image: diplib.CoherenceEnhancingDiffusion(
        diplib.Image(image), derivativeSigma=1, regularizationSigma=3, iterations=steps)


def coherence_enhancing(threads, steps):
    """{name: function of an image} of the peers that diffuse by a tensor."""
    return script.available({"DIPlib coherence enhancing": functools.partial(
        _diplib_coherence, threads, steps)})
