"""How good and how fast is inpainting, beside its peers?

    python -m pip install opencv-contrib-python-headless
    python -m benchmarks.inpainting [--quick]    writes data/inpainting.csv, unless --quick
    python -m benchmarks.inpainting --volumes    writes data/inpainting_volumes.csv

Camera, coins and coffee at 256 x 256 pixels or a little less, of which 2, 5, 10 and 20 % are known
at random; with five rectangles, a text and scratches to be filled; and a map of disparities with
holes of its own. Beside scikit-image's biharmonic inpainting, OpenCV's methods of Telea and of
Navier-Stokes, with the best of the radii 3, 5 and 10 pixels in each case, and SciPy's griddata.
PSNR and SSIM over all pixels, results cut at [0, 255], and seconds. Then seconds and memory for
512 x 512 pixels, and seconds, also those of the processor, for more, which should be in proportion.

Volumes: balls with soft edges, without and with noise, noise smoothed by a Gaussian, and two scans
that come with nibabel, of which 5, 10 and 20 % of the voxels are known; as volumes, slice by slice,
and, of the small ones, by biharmonic inpainting. PSNR over all voxels.
"""

import functools
import time

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from skimage import data, restoration
from skimage.metrics import structural_similarity

import pdenet

from . import script, timing
from .images import psnr

SHARES = (2, 5, 10, 20)  # per cent
RADII = (3, 5, 10)       # of OpenCV's methods, pixels


# What is to be filled -----------------------------------------------------------------------------


def images():
    """Grey levels from 0 to 255: means of 2 x 2 pixels, or a part."""
    def half(image):
        image = image.astype(float)
        return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4

    return {"camera": half(data.camera()), "coins": data.coins()[:256, :256].astype(float),
            "coffee": half(data.coffee())}


def scattered(shape, share):
    """All pixels but so many of a hundred, at random."""
    return np.random.default_rng(0).random(shape) >= share / 100


def rectangles(shape):
    """Five rectangles with edges of 12 to 60 pixels."""
    mask, rng = np.zeros(shape, bool), np.random.default_rng(0)
    for _ in range(5):
        height, width = rng.integers(12, 61, 2)
        top, left = rng.integers(0, shape[0] - height), rng.integers(0, shape[1] - width)
        mask[top:top + height, left:left + width] = True
    return mask


def text(shape):
    """Lines of letters across the image."""
    picture = Image.new("1", shape[::-1])
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    for k, top in enumerate(range(4, shape[0], 24)):
        draw.text((4 - 9 * k, top), "edge-enhancing diffusion continues edges " * 3, True, font)
    return np.array(picture.convert("L")) > 0


def scratches(shape):
    """Twenty lines and arcs, two or three pixels wide."""
    picture, rng = Image.new("1", shape[::-1]), np.random.default_rng(0)
    draw = ImageDraw.Draw(picture)
    for k in range(20):
        left, right = sorted(rng.integers(0, shape[1], 2).tolist())
        top, bottom = sorted(rng.integers(0, shape[0], 2).tolist())
        if k % 2:
            draw.line((left, top, right, bottom), True, 2 + k % 3 // 2)
        else:
            draw.arc((left - 40, top - 40, right + 40, bottom + 40), *rng.uniform(0, 360, 2), True,
                     2 + k % 3 // 2)
    return np.array(picture.convert("L")) > 0


def cases(quick):
    """(title, image, mask) with grey levels from 0 to 255."""
    for name, image in images().items():
        for share in SHARES[2:3] if quick else SHARES:
            yield f"{name} {share} %", image, scattered(image.shape[:2], share)
        for make in (rectangles, text, scratches):
            yield f"{name} {make.__name__}", image, make(image.shape[:2])


# Methods: (image, mask) -> image ------------------------------------------------------------------


def ours(image, mask, method):
    return pdenet.inpaint(image, mask=mask, method=method,
                          channel_axis=None if image.ndim == 2 else -1)


def biharmonic(image, mask):
    image = np.where(mask if image.ndim == mask.ndim else mask[..., np.newaxis], 0, image)
    axis = None if image.ndim == mask.ndim else -1
    return 255 * restoration.inpaint_biharmonic(image / 255, mask, channel_axis=axis)


def griddata(image, mask):
    """Cubic within the convex hull of the known pixels up to two pixels from an unknown one, the
    nearest of them outside."""
    from scipy.interpolate import griddata
    from scipy.ndimage import binary_dilation

    known = binary_dilation(mask, iterations=2) & ~mask
    places, values = np.argwhere(known), image[known]
    found = griddata(places, values, np.argwhere(mask), "cubic")
    near = griddata(places, values, np.argwhere(mask), "nearest")
    result = image.copy()
    result[mask] = np.where(np.isfinite(found), found, near)
    return result


def opencv(algorithm):
    import cv2

    def fill(image, mask, radius=RADII[0]):
        image = image.astype(np.float32) if image.ndim == 2 else np.rint(image).astype(np.uint8)
        return cv2.inpaint(image, mask.astype(np.uint8), radius,
                           getattr(cv2, algorithm)).astype(float)
    return fill


def methods():
    return script.available({
        "EED": lambda: functools.partial(ours, method="eed"),
        "homogeneous": lambda: functools.partial(ours, method="homogeneous"),
        "biharmonic": lambda: biharmonic, "griddata": lambda: griddata,
        "Telea": lambda: opencv("INPAINT_TELEA"), "Navier-Stokes": lambda: opencv("INPAINT_NS")})


def best(name, method, image, mask, error):
    """The result of a method with the least error, and its seconds."""
    found = []
    for options in [{"radius": r} for r in RADII] if name in ("Telea", "Navier-Stokes") else [{}]:
        began = time.perf_counter()
        result = method(image, mask, **options)
        found.append((error(result), time.perf_counter() - began, result))
    _, seconds, result = min(found, key=lambda one: one[0])
    return result, seconds


# What is measured ---------------------------------------------------------------------------------


def quality(peers, quick):
    """Rows of a table: case, method, PSNR, SSIM, seconds."""
    for title, image, mask in cases(quick):
        for name, method in peers.items():
            def error(found, image=image):
                return -psnr(image, np.clip(found, 0, 255))

            found, seconds = best(name, method, image, mask, error)
            ssim = structural_similarity(image, np.clip(found, 0, 255), data_range=255,
                                         channel_axis=None if image.ndim == 2 else -1)
            yield title, name, -error(found), float(ssim), seconds


def disparities(peers):
    """Rows: case, method, mean error in pixels, nothing, seconds.

    The map's own holes, moved by 40 rows and 60 columns, hide disparities that are known; and 5 %
    of all that is known, with and without the photograph as a guide.
    """
    photograph, _, depth = data.stereo_motorcycle()
    photograph, depth = photograph[::2, ::2], depth[::2, ::2].astype(float)
    known = np.isfinite(depth)
    moved = np.roll(~known, (20, 30), (0, 1)) & known
    few = known & scattered(depth.shape, 95)
    for title, mask, hidden in (("disparities holes", moved | ~known, moved),
                                ("disparities 5 %", ~few, known & ~few)):
        def error(found, hidden=hidden):
            return float(np.mean(np.abs(found - depth)[hidden]))

        image = np.where(mask, 0, depth)
        guided = functools.partial(pdenet.inpaint, guide=photograph)
        for name, method in (peers | {"EED, guided": lambda image, mask: guided(
                image, mask=mask)}).items():
            found, seconds = best(name, method, image, mask, error)
            yield title, name, error(found), None, seconds


def growth(peers, quick):
    """Rows: case, method, nothing, peak memory in images, seconds; 10 % known, float32. Then EED
    again, with the seconds of the processor, summed over its threads."""
    for size in (512,) if quick else (512, 1024, 2048, 4096):
        image = np.tile(data.camera(), (size // 512,) * 2).astype(np.float32)
        mask = scattered(image.shape, 10)
        yield (f"{size} x {size}, processor", "EED", None, None,
               _seconds(peers["EED"], image, mask, time.process_time))
        for name, method in peers.items() if size == 512 else [("EED", peers["EED"])]:
            rounds = [] if name in ("biharmonic", "griddata") or size > 1024 else [0] * 3
            seconds = np.median([_seconds(method, image, mask) for _ in (0, *rounds)])
            memory = script.answer("inpainting", "--memory", name) if size == 512 else None
            yield f"{size} x {size}, 10 %", name, None, memory, float(seconds)


def memory(name):
    """The peak of a method for 512 x 512 pixels beyond what there was before, in images of
    float32, in a process of its own."""
    image, method = data.camera().astype(np.float32), methods()[name]
    mask = scattered(image.shape, 10)
    method(image[:64, :64], mask[:64, :64])  # imported and compiled
    return timing.peak_resident(lambda: method(image, mask)) / image.nbytes


# Volumes ------------------------------------------------------------------------------------------


def phantom(size, count=14, smallest=0.08, largest=0.22):
    """So many balls with soft edges, some of which overlap, with grey levels from 40 to 200, and
    with radii that are shares of the size."""
    rng, places = np.random.default_rng(0), np.indices((size,) * 3)
    volume = np.full((size,) * 3, 60.0)
    for _ in range(count):
        centre, radius = rng.uniform(0, size, (3, 1, 1, 1)), rng.uniform(smallest, largest) * size
        inside = 1 / (1 + np.exp((np.linalg.norm(places - centre, axis=0) - radius) / 0.7))
        volume += (rng.uniform(40, 200) - volume) * inside
    return volume


def volumes():
    """(title, volume with grey levels from 0 to 255, spacing)."""
    import nibabel
    from nibabel.testing import data_path
    cubes, rng = (1.0, 1.0, 1.0), np.random.default_rng(0)
    yield "balls, 20^3", phantom(20), cubes
    yield "balls, 48^3", phantom(48), cubes
    yield "balls, noise 5", phantom(48) + rng.normal(0, 5, (48,) * 3), cubes
    yield "smoothed noise", 255 * _unit(gaussian_filter(rng.normal(size=(48,) * 3), 3)), cubes
    for name in ("anatomical.nii", "example4d.nii.gz"):
        scan = nibabel.load(f"{data_path}/{name}")
        volume = np.asarray(scan.dataobj).reshape(*scan.shape[:3], -1)[..., 0].astype(float)
        yield name, 255 * _unit(volume), tuple(map(float, scan.header.get_zooms()[:3]))


def _unit(values):
    return (values - values.min()) / np.ptp(values)


def of_volumes():
    """Rows: case, method, PSNR, seconds."""
    def filled(volume, mask, spacing, method):
        return pdenet.inpaint(volume, mask=mask, spacing=spacing, method=method)

    def slices(volume, mask, spacing, method):
        return np.stack([pdenet.inpaint(image, mask=own, method=method)
                         for image, own in zip(volume, mask, strict=True)])

    for title, volume, spacing in volumes():
        methods = {f"{name}{how}": functools.partial(function, spacing=spacing, method=method)
                   for name, method in (("EED", "eed"), ("homogeneous", "homogeneous"))
                   for how, function in (("", filled), (", slices", slices))}
        if volume.size < 10000:
            methods["biharmonic"] = biharmonic
        for share in SHARES[1:]:
            mask = scattered(volume.shape, share)
            for name, method in methods.items():
                began = time.perf_counter()
                found = method(volume, mask)
                yield (f"{title}, {share} %", name, psnr(volume, np.clip(found, 0, 255)),
                       time.perf_counter() - began)


def volumes_main():
    machine, rows = script.machine("scikit-image", "scipy"), []
    print(machine)
    pdenet.inpaint(np.eye(8)[np.newaxis] + np.zeros((8, 1, 1)), mask=np.arange(512).reshape(
        8, 8, 8) % 2 > 0, spacing=(1, 1, 1))  # compiled
    for row in of_volumes():
        rows.append(row)
        print(f"{row[0]:24} {row[1]:20} {row[2]:7.2f} dB {row[3]:7.2f} s", flush=True)
    script.write_table("inpainting_volumes", [("case", "method", "psnr", "seconds"), *rows],
                       machine, ".4f", "inpainting --volumes")


def _seconds(method, image, mask, clock=time.perf_counter):
    began = clock()
    method(image, mask)
    return clock() - began


def main():
    parser = script.parser(__doc__)
    parser.add_argument("--memory", metavar="METHOD", help="print the peak of memory of one method")
    parser.add_argument("--volumes", action="store_true", help="volumes instead of images")
    options = parser.parse_args()
    if options.volumes:
        volumes_main()
        return
    if options.memory is not None:
        print(memory(options.memory))
        return
    quick = options.quick
    machine = script.machine("scikit-image", "scipy", "opencv-contrib-python-headless")
    print(machine)
    peers, rows = methods(), []
    ours(np.eye(64), np.eye(64) == 0, "eed")  # compiled
    for part in (quality(peers, quick), disparities(peers), growth(peers, quick)):
        for row in part:
            rows.append(row)
            title, name, first, second, seconds = row
            print(f"{title:20} {name:14}"
                  + "".join("          " if value is None else f"{value:10.3f}"
                            for value in (first, second)) + f"{seconds:9.3f} s", flush=True)
    for kind in ("%", "rectangles", "text", "scratches"):
        means = {name: np.mean([[row[2], row[3]] for row in rows if row[1] == name
                                and row[0].endswith(kind) and row[0].split()[0] in images()
                                and not row[0].endswith(" 2 %")], axis=0) for name in peers}
        print(f"=> mean of {'5, 10 and 20 %' if kind == '%' else kind}: " + ", ".join(
            f"{name} {values[0]:.2f} dB {values[1]:.3f}" for name, values in means.items()))
    if not quick:
        script.write_table("inpainting", [("case", "method", "psnr or error", "ssim or images",
                                           "seconds"), *rows], machine, ".4f")


if __name__ == "__main__":
    main()
