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
        {workers}""",
    "parameters of a model": """
        Parameters
        ----------
        {contrast of a model}
        {diffusivity of a model}
        {options}""",
    "image": """
        image : array_like of shape (H, W), or with channels
            Grey levels of any real type, which are never rescaled; the array is never changed. An
            array of dask or zarr gives an array of dask, computed chunk by chunk.""",
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
        image : array_like of shape (H, W), or with channels
            Grey levels of any real type.
        channel_axis : int, optional
            The axis of the channels; None for a grey image of shape (H, W).""",
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
            allow_unstable, and operator, for another discretisation of the same derivatives.""",
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
