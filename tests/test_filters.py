"""Filters as their users meet them: manners, estimates, and what bad input gets."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

import pdenet
from pdenet import models

FILTERS = {"perona_malik": pdenet.perona_malik, "you_kaveh": pdenet.you_kaveh,
           "lysaker_lundervold_tai": pdenet.lysaker_lundervold_tai, "gerig": pdenet.gerig,
           "weickert_brox": pdenet.weickert_brox, "eed": pdenet.eed,
           "weickert_1994": pdenet.weickert_1994, "multiscale": pdenet.multiscale}
every_filter = pytest.mark.parametrize("filter_", FILTERS.values(), ids=FILTERS.keys())
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 31)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (24, 31, 3)).astype(np.uint8)


@every_filter
def test_a_photograph_grey_and_colour(filter_):
    for image, axis in [(data.camera()[::3, ::3], None), (data.astronaut()[::3, ::3], -1)]:
        before = image.copy()
        result = filter_(image, channel_axis=axis)
        assert result.shape == image.shape and result.dtype == np.float64
        np.testing.assert_array_equal(image, before)
        assert 1 < np.abs(result - image).max()
        assert -50 < result.min() and result.max() < 305  # no maximum principle for most
        assert abs(result.mean() - image.mean()) < 1e-9


@every_filter
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.float16, np.longdouble,
                                   np.float32, ">f4", ">f8", ">u2"])
def test_types_are_converted_without_rescaling(filter_, dtype):
    image = (GREY > 127 if dtype is bool else GREY).astype(dtype)
    expected_type = np.float32 if np.dtype(dtype).newbyteorder("=") == np.float32 else np.float64
    result = filter_(image, contrast=5.0, time=1.0)
    assert result.dtype == expected_type and result.dtype.isnative
    np.testing.assert_array_equal(
        result, filter_(image.astype(expected_type), contrast=5.0, time=1.0))


@every_filter
def test_memory_layouts_change_nothing(filter_, tmp_path):
    image = COLOUR.astype(np.float32)
    expected = filter_(image, contrast=9.0, time=1.0, channel_axis=-1)
    mapped = np.memmap(tmp_path / "image", np.float32, "w+", shape=image.shape)
    mapped[:] = image
    read_only = image.copy()
    read_only.flags.writeable = False
    padded = np.zeros((48, 62, 6), np.float32)
    padded[::2, ::2, ::2] = image
    for layout in (np.asfortranarray(image), mapped, read_only, padded[::2, ::2, ::2],
                   image[::-1, ::-1][::-1, ::-1], image.tolist()):
        result = filter_(np.asarray(layout, np.float32), contrast=9.0, time=1.0, channel_axis=-1)
        np.testing.assert_array_equal(result, expected)
        assert result.flags.writeable and result.flags.c_contiguous
    for axis in (0, 1, -2):
        moved = np.moveaxis(image, -1, axis)
        result = filter_(moved, contrast=9.0, time=1.0, channel_axis=axis)
        np.testing.assert_array_equal(np.moveaxis(result, axis, -1), expected)


@every_filter
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_tiny_images(filter_, shape):
    image = GREY[:shape[0], :shape[1]]
    result = filter_(image)
    assert result.shape == shape
    assert result.mean() == pytest.approx(image.mean(), rel=1e-12)
    # Mirrored at its boundary, a row is an image of equal rows, and so for a column.
    wide = np.repeat(np.repeat(image, 3 if shape[0] == 1 else 1, 0), 3 if shape[1] == 1 else 1, 1)
    options = {"contrast": 200, "time": 2}
    np.testing.assert_allclose(np.broadcast_to(filter_(image, **options), wide.shape),
                               filter_(wide, **options), atol=1e-11)


@every_filter
def test_constant_images_stay(filter_):
    image = np.full((9, 8), 137.25, np.float32)
    np.testing.assert_array_equal(filter_(image), image)


def masked(values):
    return np.ma.masked_array(values, mask=values > 200)


def with_nan(count, first):
    image = GREY.astype(float)
    image[first] = np.nan
    image.ravel()[-(count - 1):] = np.inf
    return image


BAD_IMAGES = {
    "nan": (lambda: with_nan(3, (2, 5)), {}, ValueError,
            "image must be finite; 3 of its values are NaN or infinite, the first at index (2, 5)"),
    "nan in colour": (lambda: np.dstack([GREY, with_nan(2, (1, 4)), GREY]), {"channel_axis": -1},
                      ValueError, "image must be finite; 2 of its values are NaN or infinite, the "
                      "first at index (1, 4, 1)"),
    "empty": (lambda: np.zeros((0, 5)), {}, ValueError,
              "image must not be empty; got shape (0, 5)"),
    "one axis": (lambda: np.zeros(5), {}, ValueError, "image must have 2 or 3 dimensions with "
                 "channel_axis=None; got shape (5,)"),
    "four axes": (lambda: np.zeros((2, 3, 4, 5)), {}, ValueError, "image must have 2 or 3 "
                  "dimensions with channel_axis=None; got shape (2, 3, 4, 5)"),
    "forgotten axis": (lambda: COLOUR, {}, ValueError, "image of shape (24, 31, 3) may have "
                       "channels or be a volume: give channel_axis=-1, or spacing=(1, 1, 1) for a "
                       "volume"),
    "first axis": (lambda: np.moveaxis(COLOUR, -1, 0), {}, ValueError, "image of shape (3, 24, 31) "
                   "may have channels or be a volume: give channel_axis=0, or spacing=(1, 1, 1)"),
    "axis range": (lambda: COLOUR, {"channel_axis": 3}, np.exceptions.AxisError,
                   "channel_axis: axis 3 is out of bounds for array of dimension 3"),
    "axis type": (lambda: COLOUR, {"channel_axis": 1.0}, ValueError,
                  "channel_axis must be None or a whole number; got 1.0"),
    "grey with axis": (lambda: GREY, {"channel_axis": -1}, ValueError, "image must have 3 or 4 "
                       "dimensions with channel_axis=-1; got shape (24, 31)"),
    "ragged": (lambda: [[1, 2], [3]], {}, ValueError, "image must be a rectangular array"),
    "text": (lambda: "camera.png", {}, TypeError, "image must hold real numbers (bool, integer or "
             "float); got dtype <U10"),
    "none": (lambda: None, {}, TypeError, "image must hold real numbers (bool, integer or float); "
             "got dtype object"),
    "complex": (lambda: GREY * 1j, {}, TypeError, "image must hold real numbers (bool, integer or "
                "float); got dtype complex128"),
    "masked": (lambda: masked(GREY), {}, TypeError, "image must not be a masked array, whose mask "
               "would be lost"),
}


@every_filter
@pytest.mark.parametrize("image, options, error, message", BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images(filter_, image, options, error, message):
    with pytest.raises(error) as raised:
        filter_(image(), **{"channel_axis": None} | options)
    assert message in str(raised.value)


@every_filter
@pytest.mark.parametrize("options, message", [
    ({"contrast": 0}, "contrast must be a finite number > 0; got 0"),
    ({"contrast": -2.5}, "contrast must be a finite number > 0; got -2.5"),
    ({"contrast": np.nan}, "contrast must be a finite number > 0; got nan"),
    ({"contrast": "strong"}, "contrast must be a finite number > 0; got 'strong'"),
    ({"time": -1}, "time must be a finite number >= 0; got -1"),
    ({"time": np.inf}, "time must be a finite number >= 0; got inf"),
    ({"scheme": "implicit"}, "scheme must be one of fed, explicit; got 'implicit'"),
    ({"workers": 0}, "workers must be a whole number >= 1; got 0"),
    ({"workers": True}, "workers must be a whole number >= 1; got True")])
def test_bad_parameters(filter_, options, message):
    with pytest.raises(ValueError) as error:
        filter_(GREY, channel_axis=None, **options)
    assert str(error.value) == message


@pytest.mark.parametrize("filter_", [pdenet.eed, pdenet.weickert_1994])
def test_bad_sigma(filter_):
    with pytest.raises(ValueError, match="sigma must be a finite number >= 0; got -0.5"):
        filter_(GREY, sigma=-0.5)


ARRAYS = hnp.arrays(hnp.scalar_dtypes() | st.just(np.dtype(object)),
                    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
NESTED_LISTS = st.recursive(st.none() | st.floats() | st.text(max_size=3),
                            lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@settings(max_examples=200, deadline=None)
@given(ARRAYS | NESTED_LISTS, st.none() | st.integers(-4, 4))
def test_any_object_is_filtered_or_refused(image, axis):
    try:
        result = pdenet.perona_malik(image, contrast=1.0, time=1.0, channel_axis=axis)
    except (TypeError, ValueError, np.exceptions.AxisError) as error:
        assert str(error)
    else:
        assert np.isfinite(result).all() and result.shape == np.shape(image)


def test_number_of_threads_from_the_environment(monkeypatch):
    monkeypatch.setenv("PDENET_NUM_THREADS", "3")
    assert pdenet.checks.check_workers(None) == 3
    for text in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("PDENET_NUM_THREADS", text)
        with pytest.raises(ValueError, match="PDENET_NUM_THREADS must be a whole number >= 1"):
            pdenet.perona_malik(GREY)


def run_eed(image):
    return pdenet.eed(image, contrast=5.0, time=2.0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_many_threads_and_processes_at_once():
    image = np.tile(GREY, (5, 5)).astype(np.float32)
    expected = run_eed(image)
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(run_eed, [image] * 16):
            np.testing.assert_array_equal(result, expected)
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
            for result in pool.map(run_eed, [image] * 2):
                np.testing.assert_array_equal(result, expected)


def test_no_threading_layer_of_numba_is_needed():
    code = ("import numba, numpy, pdenet; u = numpy.ones((300, 300)); "
            "pdenet.eed(u, contrast=1, time=1, workers=2); numba.threading_layer()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
                          env=os.environ | {"NUMBA_THREADING_LAYER": "none of them"})
    assert done.stderr.endswith("ValueError: Threading layer is not initialized.\n")


def test_progress_counts_cycles():
    calls = []
    models.perona_malik(5.0).evolve(GREY, 4.0, progress=lambda *call: calls.append(call))
    assert calls[-1] == (8, 8) and all(total == 8 for _, total in calls)


@every_filter
@pytest.mark.parametrize("exponent", [-120, -57, -20, 20, 60, 110])
def test_a_factor_on_image_and_contrast_is_one_on_the_result(filter_, exponent):
    """In float32, whose squares would be 0 or infinite; bit for bit for powers of two."""
    image = data.camera()[::16, ::16].astype(np.float32)
    scaled = np.ldexp(image, exponent)
    expected = filter_(image, contrast=8, time=2)
    result = filter_(scaled, contrast=8 * 2.0**exponent, time=2)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.ldexp(expected, exponent))
    np.testing.assert_array_equal(filter_(scaled), np.ldexp(filter_(image), exponent))


@every_filter
def test_the_flux_of_a_telescope(filter_):
    image = data.camera()[::16, ::16] * 1e-17
    result = filter_(image.astype(np.float32), contrast=8e-17, time=2)
    expected = filter_(image * 1e17, contrast=8, time=2)
    np.testing.assert_allclose(result * 1e17, expected, rtol=0, atol=2e-3)


def test_huge_values_in_a_network():
    with pytest.raises(ValueError, match=r"image values must be at most 4e\+08 in float32, so that "
                       r"squares of the structure tensor are finite; got 1e\+30"):
        models.perona_malik(5.0)(np.array([[0, 1e30]], np.float32))


@every_filter
def test_parameters_by_their_place(filter_):
    name = filter_.__name__
    with pytest.raises(TypeError, match=rf"^{name} takes its parameters by keyword: "
                       rf"{name}\(image, contrast=10\)$"):
        filter_(GREY, 10)


# Edges, which are what such filters keep, where nobody gives a contrast.
EDGES = {"edge": (np.arange(64) >= 32) * 255.0 * np.ones((64, 1)),
         "small edge": (np.arange(64) >= 32) * 1e-3 * np.ones((64, 1)),
         "bars": (np.arange(256) // 16 % 2) * 255.0 * np.ones((256, 1))}


@every_filter
@pytest.mark.parametrize("name", EDGES)
def test_the_defaults_keep_edges(filter_, name):
    clean = EDGES[name]
    steps = np.abs(np.diff(filter_(clean)[32]))[np.abs(np.diff(clean[32])) > 0]
    assert steps.min() > 0.8 * np.ptp(clean)


@every_filter
@pytest.mark.parametrize("sigma", [10, 40])
def test_the_defaults_of_bars_and_checkerboards(filter_, sigma):
    y, x = np.mgrid[:128, :128]
    for clean in (x // 16 % 2 * 255.0, (x // 16 + y // 16) % 2 * 255.0):
        noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
        before, after = (peak_signal_noise_ratio(clean, image, data_range=255)
                         for image in (noisy, filter_(noisy)))
        assert after > before + 1


@every_filter
def test_the_defaults_change_a_photograph_without_noise(filter_):
    clean = data.camera()[100:300, 100:300].astype(float)
    assert 0.8 < np.std(filter_(clean) - clean) < 8


@pytest.mark.parametrize("name, gain", [
    ("eed", 5), ("perona_malik", 5), ("weickert_brox", 5), ("weickert_1994", 5),
    ("multiscale", 4), ("you_kaveh", 3.5), ("lysaker_lundervold_tai", 4), ("gerig", 5)])
def test_defaults_denoise(name, gain):
    clean = data.camera()[::2, ::2].astype(float)
    noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    before, after = (peak_signal_noise_ratio(clean, image, data_range=255)
                     for image in (noisy, FILTERS[name](noisy)))
    assert after - before > gain


def test_edges_stay_while_regions_are_smoothed():
    clean = np.zeros((64, 64))
    clean[16:48, 20:44] = 100
    noisy = clean + np.random.default_rng(0).normal(0, 10, clean.shape)
    result = pdenet.eed(noisy)
    assert result[24:40, 28:36].std() < 0.3 * noisy[24:40, 28:36].std()
    assert result[20:44, 22].mean() - result[20:44, 18].mean() > 75


@every_filter
@pytest.mark.parametrize("diffusivity", ["exponential", "rational", "charbonnier", "weickert"])
@pytest.mark.parametrize("contrast", [1e-15, 1e-3, 1e15])
def test_any_contrast_keeps_results_bounded(filter_, diffusivity, contrast):
    """Rounding must not make an eigenvalue negative, where g would exceed 1."""
    image = np.random.default_rng(0).uniform(0, 65535, (40, 40)).astype(np.float32)
    result = filter_(image, contrast=contrast, time=1.0, diffusivity=diffusivity)
    assert np.isfinite(result).all()
    assert np.linalg.norm(result - result.mean()) <= 1.001 * np.linalg.norm(image - image.mean())


@every_filter
def test_largest_values_stay_finite(filter_):
    image = np.random.default_rng(0).uniform(-4e8, 4e8, (20, 20)).astype(np.float32)
    assert np.isfinite(filter_(image)).all()


@pytest.mark.parametrize("contrast", [1e-200, 1e200])
def test_contrast_beyond_squaring(contrast):
    with pytest.raises(ValueError, match="contrast must be from 1e-15 to 1e15; got 1e"):
        pdenet.eed(GREY, contrast=contrast)


@pytest.mark.parametrize("options", [{"time": 1e300}, {"time": 1e12, "scheme": "explicit"},
                                     {"time": 1e9, "cycles": 1}])
def test_time_beyond_reach(options):
    with pytest.raises(ValueError, match="time must be at most .* for this model, scheme"):
        models.perona_malik(5.0).evolve(GREY, **options)


def test_several_unsmoothed_scales_are_all_counted():
    network = models.perona_malik(10.0, scales=pdenet.ScaleSpace([0.0, 0.1]), tau=0.1, steps=1)
    single = models.perona_malik(10.0, scales=pdenet.ScaleSpace([0.0], [0.2**0.5]), tau=0.1,
                                 steps=1)
    np.testing.assert_allclose(network(GREY), single(GREY), atol=1e-10)


def test_a_subclass_may_have_its_own_g():
    class Constant(pdenet.Exponential):
        def g(self, x):
            return np.ones_like(x)

    image = GREY.astype(float)
    linear = models.perona_malik(None, diffusivity=Constant(1.0))(image)
    np.testing.assert_allclose(linear, models.perona_malik(1e9)(image), atol=1e-9)


def test_large_scales_have_a_bound():
    assert 0 < models.multiscale(1.0, sigmas=[60.0]).tau_max < np.inf
    with pytest.raises(ValueError, match=r"not all below 1e-15; got \[0.0\]"):
        pdenet.multiscale(GREY, sigmas=[1.0], weights=[0.0])


@pytest.mark.parametrize("parts, message", [
    ({"flux": None}, "flux must be Isotropic, Anisotropic, Uncoupled, Orientations or another "
     "Flux; got None"),
    ({"operator": "gradient"}, "operator must be Gradient, Laplacian, Hessian or another "
     "Operator; got 'gradient'"),
    ({"scales": 1.0}, "scales must be ScaleSpace; got 1.0")])
def test_wrong_parts(parts, message):
    with pytest.raises(TypeError, match=message):
        pdenet.DiffusionNetwork(**{"flux": pdenet.Isotropic(pdenet.Rational(1.0))} | parts)
