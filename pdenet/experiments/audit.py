"""How rotationally invariant is a denoiser? The measurement of Section 6, for any of them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..checks import check_count, check_number, check_workers, needs
from ..execution.workers import Workers
from ..files.atomic import atomic_file
from .rectangles import add_noise, rectangles

__all__ = ["rotation_audit", "RotationAudit"]

PICTURES = (".png", ".svg", ".pdf")  # what `draw` writes
ANGLES = tuple(range(5, 90, 5))  # axis-aligned edges are sampled without error, unlike all others
LAYOUTS, NOISE = 2, 3  # seeds of the test images, others than those of the training images


@dataclass(frozen=True, eq=False)
class RotationAudit:
    """What `rotation_audit` found.

    Attributes
    ----------
    angles : ndarray of shape (A,)
        Degrees.
    psnr : ndarray of shape (A, N)
        PSNR of image n at angle a, dB.
    mean : float
        Over angles and images, dB.
    variance : float
        Over the angles, of the mean over the images, dB squared.
    standard_error, systematic : float
        Of the variance: its standard error, and the part that is not chance, dB squared.
    """

    angles: np.ndarray
    psnr: np.ndarray

    @property
    def curve(self) -> np.ndarray:
        """PSNR per angle, the mean over the images, shape (A,), dB."""
        return self.psnr.mean(axis=1)

    @property
    def mean(self) -> float:
        return float(self.curve.mean())

    @property
    def variance(self) -> float:
        return float(self.curve.var())

    @property
    def standard_error(self) -> float:
        """Of the variance, by the jackknife over the images, dB squared; nan for one image."""
        count = self.psnr.shape[1]
        if count == 1:
            return float("nan")
        without = [np.delete(self.psnr, k, axis=1).mean(axis=1).var() for k in range(count)]
        return float(np.sqrt((count - 1) * np.var(without)))

    @property
    def systematic(self) -> float:
        """What is left of the variance without that of chance, which falls with the number of
        images, dB squared, >= 0; nan for one image."""
        count = self.psnr.shape[1]
        if count == 1:
            return float("nan")
        relative = self.psnr - self.psnr.mean(axis=0)
        return max(0.0, self.variance - float(relative.var(axis=1, ddof=1).mean()) / count)

    def __str__(self):
        lines = [f"{angle:5g} degrees {psnr:8.3f} dB"
                 for angle, psnr in zip(self.angles, self.curve, strict=True)]
        return "\n".join([*lines, f"mean {self.mean:.3f} dB, variance over the angles "
                                  f"{self.variance:.4f} dB^2, its standard error "
                                  f"{self.standard_error:.4f}, systematic {self.systematic:.4f}"])


def rotation_audit(denoise: Callable[[np.ndarray], npt.ArrayLike],
                   angles: float | Sequence[float] = ANGLES, *, count: int = 10,
                   sigma: float = 60.0, size: int = 256, samples: int = 4,
                   workers: int | None = 1) -> RotationAudit:
    """PSNR of a denoiser for rotated versions of the same images, and its variance.

    Parameters
    ----------
    denoise : callable
        Takes a noisy image (H, W), float32 in grey levels around [0, 255], and returns the
        denoised one: a network of this package, or any other function.
    angles : sequence of float, optional
        Angles of the rectangles, degrees; 5, 10, ..., 85 by default.
    count : int, optional
        Images per angle, the same layouts and the same noise at every angle.
    sigma : float, optional
        Standard deviation of the noise, grey levels, > 0.
    size, samples : int, optional
        Size and sampling of the images, see `rectangles`.
    workers : int, optional
        Threads that call the function at the same time; None for all processors.

    Returns
    -------
    RotationAudit
        With `psnr` per angle and image, `curve`, `mean` and `variance`; `str` of it is a table.

    Raises
    ------
    ValueError
        If an option is not allowed, or the function returns no finite image of the same shape.

    References
    ----------
    Section 6 of the paper, with Figure 4.

    Examples
    --------
    >>> import pdenet
    >>> network = pdenet.models.eed(80.0, sigma=2.0, tau=0.4, steps=20)
    >>> audit = pdenet.rotation_audit(network, [0, 45], count=1)
    >>> audit.psnr.shape
    (2, 1)
    """
    degrees = np.array([check_number("angles", angle) for angle in np.atleast_1d(angles)])
    count, workers = check_count("count", count, least=1), check_workers(workers)
    sigma = check_number("sigma", sigma, above=0.0)
    if degrees.size == 0:
        raise ValueError("angles must hold at least one angle; got none")

    def measure(task, work):
        noisy, clean = task
        from skimage.metrics import peak_signal_noise_ratio

        result = np.asarray(denoise(noisy))
        if result.dtype.kind not in "buif" or result.shape != noisy.shape:
            raise ValueError(f"the denoiser must return a real image of shape {noisy.shape}; got "
                             f"shape {result.shape}, dtype {result.dtype}")
        if not np.isfinite(result).all():
            raise ValueError(f"the denoiser must return a finite image; got "
                             f"{np.sum(~np.isfinite(result))} values that are not")
        return peak_signal_noise_ratio(clean, result.astype(np.float64), data_range=255)

    psnr = []
    with Workers(workers) as team:
        for angle in degrees:
            clean = rectangles(count, angle, size, LAYOUTS, samples=samples)
            noisy = add_noise(clean, sigma, NOISE)
            psnr.append(team.map(measure, list(zip(noisy, clean.astype(np.float64), strict=True))))
    return RotationAudit(degrees, np.array(psnr))


def write_table(path, audits):
    """A CSV file: angles in rows, denoisers {name: RotationAudit} in columns; mean and variance
    last, with the standard error of the variance and its systematic part."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["angle", *audits])
    first = next(iter(audits.values()))
    for k, angle in enumerate(first.angles):
        writer.writerow([f"{angle:g}", *(f"{audit.curve[k]:.4f}" for audit in audits.values())])
    for name in ("mean", "variance", "standard_error", "systematic"):
        writer.writerow([name.replace("_", " "),
                         *(f"{getattr(audit, name):.4f}" for audit in audits.values())])
    with atomic_file(path) as file:
        file.write(text.getvalue().encode())


def draw(path, audits):
    """The curves as a picture, PSNR over the angle."""
    pictures = needs("matplotlib.figure", f"drawing {path}")
    figure = pictures.Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    for name, audit in audits.items():
        axes.plot(audit.angles, audit.curve, marker="o", markersize=3.5,
                  label=f"{name} (variance {audit.variance:.3f})")
    axes.set(xlabel="angle of the test images, degrees", ylabel="PSNR, dB",
             xticks=np.arange(0, 91, 15))
    axes.axvline(30, color="0.7", linewidth=0.8, zorder=0)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    with atomic_file(path) as file:
        figure.savefig(file, format=str(path).rsplit(".", 1)[-1].lower(), dpi=150)
