"""An image as a file holds it: opacity, orientation, and what goes with it."""

import numpy as np
import pytest
from PIL import Image as pillow
from PIL import ImageOps

from pdenet.files.contents import Image, Metadata, UsageError, join_alpha

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("axis", [None, -1, 0, 2])
def test_an_image_is_turned_as_pillow_turns_it(orientation, axis):
    pixels, alpha = (RNG.integers(0, 256, shape).astype(np.uint8)
                     for shape in ((7, 9) if axis is None else (7, 9, 3), (7, 9)))
    exif = pillow.Exif()
    exif[274] = orientation

    def turned(array):
        picture = pillow.fromarray(array)
        picture.info["exif"] = exif.tobytes()
        return np.asarray(ImageOps.exif_transpose(picture))

    source = Image(pixels if axis is None else np.moveaxis(pixels, -1, axis), axis, alpha=alpha,
                   orientation=orientation, metadata=Metadata(resolution=(3, 4)))
    image = source.upright()
    np.testing.assert_array_equal(
        image.pixels if axis is None else np.moveaxis(image.pixels, axis, -1), turned(pixels))
    np.testing.assert_array_equal(image.alpha, turned(alpha))
    assert image.orientation == 1
    assert image.metadata.resolution == ((4, 3) if orientation >= 5 else (3, 4))


@pytest.mark.parametrize("axis", [None, -1, 0])
def test_colours_that_are_multiplied_by_their_opacity(axis):
    colours = RNG.integers(0, 256, (7, 9) if axis is None else (7, 9, 3)).astype(np.uint8)
    alpha = RNG.integers(100, 256, (7, 9)).astype(np.uint8)
    alpha[2, 3] = 0
    share = (alpha if axis is None else alpha[..., np.newaxis]) / 255
    stored = np.rint(colours * share).astype(np.uint8)
    source = Image(stored if axis is None else np.moveaxis(stored, -1, axis), axis, alpha=alpha,
                   alpha_kind=1)
    straight = source.straight()
    found = straight.pixels if axis is None else np.moveaxis(straight.pixels, axis, -1)
    assert straight.alpha_kind == 2 and straight.straight() is straight
    error = np.abs(found.astype(int) - colours)
    assert error[alpha > 0].max() <= 2 and (found[2, 3] == 0).all()
    back = straight.premultiplied()
    np.testing.assert_array_equal(back.pixels, source.pixels)
    assert back.alpha_kind == 1


def test_the_type_of_a_transparent_image_stays():
    image = Image(np.zeros((2, 3), np.uint8), alpha=np.zeros((2, 3), np.uint8))
    with pytest.raises(UsageError, match="--dtype uint16 would change the transparency of uint8"):
        image.with_result(np.ones((2, 3)), "uint16")
    result = image.with_result(np.full((2, 3), 0.5), None, (0, 1))
    assert (result.pixels == 128).all() and result.alpha is image.alpha
    assert join_alpha(result).shape == (2, 3, 2)
