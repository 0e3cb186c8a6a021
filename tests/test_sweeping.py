"""Contact sheets: which results they hold, where, and what they refuse."""

import numpy as np
import pytest
from skimage import data

import pdenet
from pdenet import sweeping

GREY = data.camera()[100:160, 120:200]
COLOUR = data.astronaut()[:50, :60]


def test_all_combinations_in_their_order():
    found = pdenet.sweep("eed", GREY, contrast=[2, 4.5], time=[1, 5, 20], sigma=0.5)
    assert found.settings == [{"contrast": c, "time": t} for c in (2, 4.5) for t in (1, 5, 20)]
    for one, image in zip(found.settings, found.images, strict=True):
        np.testing.assert_array_equal(image, pdenet.eed(GREY, sigma=0.5, **one))


@pytest.mark.parametrize("image, axis", [(GREY, None), (COLOUR, -1), (COLOUR[..., :2], -1)],
                         ids=["grey", "colour", "two channels"])
def test_each_result_has_its_place_in_the_sheet(image, axis):
    found = pdenet.sweep("gerig", image, contrast=[2, 40], time=[1, 9], channel_axis=axis)
    height, width = image.shape[:2]
    pitch = height + 2 * sweeping.LABEL
    assert found.sheet.shape[0] == 2 * pitch and found.sheet.dtype == np.uint8
    step = (found.sheet.shape[1] + sweeping.GAP) // 3
    for row in range(2):
        for column in range(3):
            top, left = row * pitch, column * step
            label = found.sheet[top:top + 2 * sweeping.LABEL, left:left + width]
            panel = found.sheet[top + 2 * sweeping.LABEL:top + pitch, left:left + width]
            expected = image if column == 0 else found.images[2 * row + column - 1]
            expected = expected if axis is None or expected.shape[2] == 3 else expected.mean(2)
            expected = np.clip(np.rint(expected), 0, 255)
            expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
            np.testing.assert_array_equal(panel, expected)
            assert label.min() < 100  # letters


def test_the_middle_of_a_large_image_and_grey_levels_of_any_range():
    image = data.camera() / 255 * 7 - 3
    image = np.vstack([image, image]).astype(np.float32)
    found = pdenet.sweep("perona_malik", image, contrast=[0.1], time=[0])
    panel = found.sheet[2 * sweeping.LABEL:, :sweeping.SIDE]
    assert panel.shape == (512, 512, 3)
    low, high = np.quantile(image, [0.001, 0.999])
    expected = np.clip((image[256:768] - low) / (high - low) * 255, 0, 255)
    assert np.abs(panel[..., 0] - expected).max() <= 1


def test_names_and_choices_are_swept_too():
    found = pdenet.sweep("multiscale", GREY, contrast=9, time=2, sigmas=(0.5, 1.0),
                         coupling=["isotropic", "anisotropic"])
    assert [one["coupling"] for one in found.settings] == ["isotropic", "anisotropic"]
    assert np.abs(found.images[0] - found.images[1]).max() > 0.1
    clean = pdenet.sweep("denoise", GREY, sigma=[5, 20]).images
    np.testing.assert_array_equal(clean[1], pdenet.denoise(GREY, 20))


@pytest.mark.parametrize("name, parameters, error, match", [
    ("edd", {"time": [1]}, ValueError, "name must be one of perona_malik, .*denoise; got 'edd'"),
    ("eed", {"time": 1}, ValueError, "at least one parameter must be a list of values; got "),
    ("eed", {}, ValueError, "at least one parameter must be a list of values; got none"),
    ("eed", {"time": []}, ValueError, "time must be a list of at least one value"),
    ("eed", {"contrst": [1]}, TypeError, "eed has no parameter 'contrst'; it has contrast, "),
    ("eed", {"time": list(range(101))}, ValueError, "at most 100 combinations; got 101"),
    ("eed", {"contrast": [-1]}, ValueError, "contrast must be a finite number > 0; got -1")])
def test_errors(name, parameters, error, match):
    with pytest.raises(error, match=match):
        pdenet.sweep(name, GREY, **parameters)


@pytest.mark.parametrize("dtype", [bool, np.uint16, np.int32, np.float32])
def test_images_of_all_types(dtype):
    found = pdenet.sweep("eed", (GREY > 100).astype(dtype), contrast=[0.1, 0.2], time=1)
    assert found.sheet.dtype == np.uint8 and np.ptp(found.sheet) == 255
