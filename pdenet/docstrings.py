"""What several public docstrings have in common stands here once; `fill` puts it into them."""

import textwrap
from typing import Callable, TypeVar

_Function = TypeVar("_Function", bound=Callable)

_PARTS = {
    "parameters of a filter": """
        Parameters
        ----------
        {image}
        {contrast}
        {time}
        {diffusivity}
        {scheme}
        {channel_axis}
        {spacing}
        {mask}
        {workers}""",
    "parameters of a filter of fourth order": """
        Parameters
        ----------
        {image}
        {contrast of second derivatives}
        {time of fourth order}
        {diffusivity}
        {scheme}
        {channel_axis}
        {mask}
        {workers}""",
    "parameters of a filter of several scales": """
        Parameters
        ----------
        {image}
        {contrast of several scales}
        {time of several scales}
        {diffusivity}
        {scheme}
        {channel_axis}
        {spacing}
        {mask}
        {workers}""",
    "parameters of a model": """
        Parameters
        ----------
        {contrast of a model}
        {diffusivity of a model}
        {options}""",
    "image": """
        image : array_like of shape (H, W) or (D, H, W), or with channels
            An image or a volume: grey levels of any real type, which are never rescaled; the array
            is never changed. An array of dask or zarr gives an array of dask, computed chunk by
            chunk. The models of fourth order are those of images.""",
    "spacing": """
        spacing : sequence of float, optional
            The distances of voxels, (dz, dy, dx), or of pixels, (dy, dx), in whose unit time,
            contrast and sigmas are then; 1 each by default. An array of three axes, one of which
            may be that of channels, is a volume only with a spacing.""",
    "spacing of what may be a volume": """
        spacing : sequence of float, optional
            The distances of voxels, (dz, dy, dx); only whether it is given counts: an array of
            three axes, one of which may be that of channels, is a volume only with a spacing.""",
    "contrast": """
        contrast : float, optional
            Contrast parameter in grey levels per pixel, > 0: edges with a steeper gradient are
            kept, where squares are summed over the channels. By default it is estimated from the
            image, see `estimate_contrast`.""",
    "contrast of several scales": """
        contrast : float, optional
            Contrast parameter, > 0, with which sqrt(sum_l omega_l beta_l^2 |grad u_l|^2) is
            compared, the sum over the scales: grey levels per square root of a pixel. By default it
            is estimated from the image, see `estimate_contrast`.""",
    "time of several scales": """
        time : float, optional
            Diffusion time in pixels, >= 0, which the step sizes omega_l of the scales make pixels
            squared; 0 gives a copy. By default it is estimated, see `estimate_time`.""",
    "contrast of second derivatives": """
        contrast : float, optional
            Contrast parameter in grey levels per pixel squared, > 0: structures with larger second
            derivatives are kept. By default it is estimated, see `estimate_contrast`.""",
    "time": """
        time : float, optional
            Diffusion time in pixels squared, >= 0; 0 gives a copy. By default it is estimated from
            the image, see `estimate_time`.""",
    "time of fourth order": """
        time : float, optional
            Diffusion time in pixels to the fourth power, >= 0; 0 gives a copy. By default it is
            estimated from the image, see `estimate_time`.""",
    "sigma": """
        sigma : float, optional
            Standard deviation in pixels, >= 0, of the Gaussian by which the image is smoothed
            before its gradient steers the diffusion.""",
    "rho": """
        rho : float, optional
            The integration scale: standard deviation in pixels, >= 0, of the Gaussian by which the
            structure tensor is averaged before it steers; 0 does not average.""",
    "diffusivity": """
        diffusivity : str or object, optional
            Which function g is: "exponential", "rational", "charbonnier", "weickert" or
            "coherence". An object with the methods g, derivative and potential holds its
            own contrast, so that `contrast` must be omitted.""",
    "scheme": """
        scheme : {"fed", "explicit"}, optional
            How the diffusion time is reached: by fast explicit diffusion, or by equal explicit
            steps, which take longer and follow the equation more closely.""",
    "channel_axis": """
        channel_axis : int, optional
            The axis of the channels, which steer the diffusion together, so that they should have
            about the same noise; None for a grey image of shape (H, W).""",
    "workers": """
        workers : int, optional
            Number of threads; by default that in the environment variable PDENET_NUM_THREADS, or
            that of the processors. The result does not depend on it.""",
    "mask": """
        mask : array_like of bool, of shape (H, W) or (D, H, W), optional
            True where a pixel is measured, in all channels. The others take no part: whatever
            stands in them, the result elsewhere is the same, and they come back as they were.
        nan_policy : {"raise", "omit"}, optional
            What happens to values that are not finite: an error, or their pixels take no part,
            either.""",
    "image of a network": """
        image : array_like of shape (H, W) or (D, H, W), or with channels along channel_axis
            An image, or for an operator of volumes a volume. float32 stays float32, every other
            real type becomes float64; not rescaled.
        channel_axis : int, optional
            The axis of the channels, which are coupled.""",
    "scheme of a network": """
        scheme : {"fed", "explicit"}, optional
            Fast explicit diffusion reaches the time in O(sqrt(time)) steps; the explicit
            scheme takes equal steps of at most tau_max / 2.""",
    "result of a network": """
        Returns
        -------
        ndarray
            The result, of the image's shape, a copy where there are no steps; float32 for float32,
            otherwise float64.""",
    "references of fast explicit diffusion": """
        References
        ----------
        S. Grewenig, J. Weickert, A. Bruhn, "From box filtering to fast explicit diffusion", Pattern
        Recognition, LNCS 6376, 533-542 (2010).""",
    "pairs": """
        noisy, clean : array_like of shape (N, H, W) or (H, W), or with channels
            Images and what the network should make of them, grey levels.
        channel_axis : int, optional
            The axis of the channels; for (N, H, W, M) best -1.""",
    "mask of pairs": """
        mask : array_like of bool, of shape (H, W) or (N, H, W), or a list of them, optional
            True where the pixels of all images, or of each, are measured, for volumes with one axis
            more. The others take no part, and do not count in the loss.
        nan_policy : {"raise", "omit"}, optional
            What happens to values that are not finite, in noisy or clean images: an error, or their
            pixels take no part, either.""",
    "filtered": """
        Returns
        -------
        ndarray
            The filtered image, of the image's shape; float32 for float32, otherwise float64. For an
            array of dask or zarr an array of dask.

        Raises
        ------
        TypeError
            If the image does not hold real numbers, or is a masked array.
        ValueError
            If the image has another shape or values that are not finite, or a parameter is not
            allowed; the message names the value and what is allowed.""",
    "contrast of a model": """
        contrast : float
            Contrast parameter, > 0, in grey levels per pixel, for second-order operators per pixel
            squared; None where the diffusivity is an object, which holds its own.""",
    "sigma of a model": """
        sigma : float, optional
            Standard deviation in pixels, >= 0, of the Gaussian that smooths what steers.""",
    "rho of a model": """
        rho : float, optional
            The integration scale: standard deviation in pixels, >= 0, of the Gaussian that averages
            the structure tensor; 0 does not.""",
    "diffusivity of a model": """
        diffusivity : str or object, optional
            Which function g is: "exponential", "rational", "charbonnier", "weickert" or
            "coherence", or an object with g, derivative and potential.""",
    "diffusivity of a contrast": """
        Parameters
        ----------
        contrast : float
            Contrast parameter in grey levels per pixel, from 1e-15 to 1e15.

        Raises
        ------
        ValueError
            If the contrast is not such a number.""",
    "diffusivity of a flux": """
        diffusivity : Diffusivity
            With the methods g, derivative and potential; for instance `Exponential`.""",
    "errors of a flux": """
        Raises
        ------
        TypeError
            If the diffusivity lacks one of these methods.
        ValueError
            If g leaves [0, 1], or is no function of x / contrast**2 although it has a contrast.""",
    "errors of an estimate": """
        Raises
        ------
        TypeError
            If `network` is no DiffusionNetwork and no name, or the image holds no real numbers.
        ValueError
            If there is no filter of this name, or the image has another shape or values that are
            not finite.""",
    "references of an estimate": """
        References
        ----------
        C. M. Stein, "Estimation of the mean of a multivariate normal distribution", The Annals of
        Statistics 9, 1135-1151 (1981).

        S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of regularization
        parameters for general denoising algorithms", IEEE Transactions on Image Processing 17,
        1540-1554 (2008).""",
    "image to estimate from": """
        image : array_like of shape (H, W) or (D, H, W), or with channels
            An image or a volume: grey levels of any real type.
        channel_axis : int, optional
            The axis of the channels; None for a grey image of shape (H, W).
        mask : array_like of bool, of shape (H, W) or (D, H, W), optional
            True where a pixel is measured, in all channels. The others do not count.
        nan_policy : {"raise", "omit"}, optional
            What happens to values that are not finite: an error, or their pixels do not count,
            either.""",
    "end of a check": """
        seed : int, optional
            Seed of the random numbers.

        Raises
        ------
        AssertionError
            If a property does not hold; the message names it.""",
    "options": """
        **options
            Further arguments of `DiffusionNetwork`: tau, steps, reaction, integration,
            dictionary, allow_unstable, and operator, for another discretisation of the same
            derivatives.""",
    "memory of steps": """
        Notes
        -----
        Beyond the image and the result it takes one array of their size. Each thread works on
        tiles of 512 x 512 pixels, or 8 halos where that is more, and their halo. It needs
        3 M + 2 M L + M S + T planes of a tile's size for M channels, L scales that diffuse and S
        others that steer (a single sigma = 0 counts as none), T = 1 or 3 for the tensor, and one or
        two to smooth with. Explicit steps of a single scale sigma = 0 that steers itself need none.
        A dictionary takes 98 + 216 M rows of a tile's width more, in cycles of several steps also
        17 planes of a tile's size.""",
    "memory of the adjoint": """
        Notes
        -----
        With M channels, L scales that diffuse and S others that steer (a single sigma = 0 counts as
        none) the peak of memory is steps (M L + M S + M) + M L + M S + 5 M planes of the image's
        size and type, and one or two to smooth with. A flux that the kernels do not know keeps up
        to 3 planes more for each step, an integration up to 6, and NumPy's intermediate arrays take
        up to 55. If all that is kept of the steps is more than 256 MiB, only M planes of each are,
        and the rest is computed again. A dictionary takes 412 + 603 M rows of the image's width
        more.""",
    "network": """
        Returns
        -------
        DiffusionNetwork
            It filters an image when it is called with one.

        Raises
        ------
        TypeError
            If the diffusivity lacks one of these methods.
        ValueError
            If a parameter is not allowed; the message names the value and what is allowed.""",
}


def fill(function: _Function) -> _Function:
    """Replace each line "{name}" in the docstring of a function or a class by the part of this
    name."""
    if function.__doc__ is not None:  # as python -OO leaves it
        function.__doc__ = _fill_text(function.__doc__)
    return function


def _fill_text(text):
    return "\n".join(map(_fill_line, text.split("\n")))


def _fill_line(line):
    name = line.strip()
    if not (name.startswith("{") and name.endswith("}")):
        return line
    part = _fill_text(textwrap.dedent(_PARTS[name[1:-1]]).strip("\n"))
    return textwrap.indent(part, line[:len(line) - len(line.lstrip())])
