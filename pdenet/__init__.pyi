from . import filters as filters, models as models, testing as testing
from .denoising import denoise as denoise, denoiser as denoiser
from .estimates import estimate_contrast as estimate_contrast, estimate_time as estimate_time
from .experiments.audit import rotation_audit as rotation_audit
from .experiments.rectangles import add_noise as add_noise, rectangles as rectangles
from .files.document import FormatError as FormatError
from .filters import (
    ced as ced, eed as eed, gerig as gerig,
    lysaker_lundervold_tai as lysaker_lundervold_tai, multiscale as multiscale, perona_malik as perona_malik, weickert_1994 as weickert_1994,
    weickert_brox as weickert_brox, you_kaveh as you_kaveh)
from .inpainting import inpaint as inpaint
from .learning.fit import fit as fit, fit_noisy as fit_noisy
from .learning.optimizers import Adam as Adam, LBFGS as LBFGS
from .network.network import DiffusionNetwork as DiffusionNetwork
from .network.saved import load as load, pretrained as pretrained
from .noise.level import estimate_noise as estimate_noise
from .noise.poisson import PoissonNoise as PoissonNoise
from .noise.rician import RicianNoise as RicianNoise
from .noise.speckle import SpeckleNoise as SpeckleNoise
from .scheme.block import DiffusionBlock as DiffusionBlock
from .scheme.coherence import CoherenceEnhancing as CoherenceEnhancing
from .scheme.channels import Channels as Channels
from .scheme.dictionary import Dictionary as Dictionary
from .scheme.diffusivities import (
    Charbonnier as Charbonnier, Coherence as Coherence, Exponential as Exponential,
    Rational as Rational, Weickert as Weickert)
from .scheme.fluxes import (
    Anisotropic as Anisotropic, Isotropic as Isotropic, Orientations as Orientations,
    Uncoupled as Uncoupled)
from .scheme.operators import Gradient as Gradient, Hessian as Hessian, Laplacian as Laplacian
from .scheme.scales import ScaleSpace as ScaleSpace
from .sweeping import sweep as sweep

NAMES: dict[str, tuple[str, ...]]
__version__: str
__all__: list[str]
