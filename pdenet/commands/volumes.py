"""Volumes on the command line: NIfTI, MRC, and TIFF stacks whose pages are slices.

Lengths are in units of the smallest distance of voxels: the distances of a file count relative to
each other.
"""

import argparse
import itertools
from dataclasses import replace

import numpy as np

from ..files import images, tiff_stacks, volume_files, voxels
from ..files.images import UsageError
from .processing import processed
from .report import row

HELP = """\
A TIFF stack whose axes say Z, as those of OME and ImageJ do, is taken as a
volume, by voxels of the size that the file says; --volume does so with any
stack, --slices with none. NIfTI and MRC files (.nii, .nii.gz, .mrc) are
volumes; they need pip install 'pdenet[volumes]', and keep their header.
--spacing DZ DY DX says the size of voxels, z being the last axis of NIfTI and
the first of MRC; the smallest is the unit of contrast, time and sigma. Other
axes, such as time, are processed one by one. The --mask of a volume has its
shape: NIfTI, MRC or the slices of a TIFF stack.
"""


def add_options(command):
    """Add the options that say what is a volume."""
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--volume", dest="volumes", action="store_const", const="all",
                      default="named", help="the pages of a TIFF file are the slices of a volume")
    kind.add_argument("--slices", dest="volumes", action="store_const", const="none",
                      help="pages and slices are processed one by one")
    command.add_argument("--spacing", type=float, nargs="+", metavar="D",
                         help="distances of voxels, DZ DY DX, or of pixels, DY DX (default: as "
                              "the file says, else 1)")
    command.set_defaults(voxels=None)


def check_options(options):
    """Raise unless the spacing can be meant; it becomes relative to its smallest."""
    spacing = getattr(options, "spacing", None)
    options.voxels = None
    if spacing is None:
        return
    from ..scheme.spacing import check_spacing

    if len(spacing) not in (2, 3):
        raise UsageError(f"--spacing must be DZ DY DX for volumes or DY DX for images; got "
                         f"{' '.join(map(str, spacing))}")
    check_spacing(spacing)
    options.voxels = voxels.relative(spacing)


def is_file(*names):
    """Whether any of these is a file of volumes by its name."""
    return any(volume_files.format_of(name) is not None for name in names)


def with_spacing(options, found, last=False):
    """The options for volumes, of which a file says that their voxels are so far apart, or None;
    `last`: whether z is the last axis."""
    given = getattr(options, "voxels", None)
    if given is not None and len(given) != 3:
        raise UsageError("--spacing must be DZ DY DX for a volume")
    if given is not None and last:
        given = given[::-1]
    spacing = given or voxels.relative(found or (1.0, 1.0, 1.0))
    return argparse.Namespace(**vars(options) | {"voxels": spacing})


def mask_of(options, shape):
    """The voxels of a volume of this shape that are outside the mask of the options, or None if
    there is none: a NIfTI or MRC file, or a TIFF stack of slices."""
    if options.mask is None:
        return None
    stack = None if is_file(options.mask) else tiff_stacks.open_stack(options.mask,
                                                                      options.max_pixels)
    if stack is not None:
        with stack:
            mask = np.stack([stack.read(index).pixels for index in stack.indices()])
    elif is_file(options.mask):
        mask = volume_files.read(options.mask, options.max_pixels).array
    else:
        mask = images.read(options.mask, options.max_pixels).pixels
    if mask.shape != shape:
        raise UsageError(f"{options.mask}: a mask must have one value for each voxel, "
                         f"{' x '.join(map(str, shape))}; it has "
                         f"{' x '.join(map(str, mask.shape))}")
    return mask == 0


def run_file(source, target, options, process, tell, shown):
    """Process a NIfTI or MRC file; returns a line about it and how many volumes failed, none."""
    if options.volumes == "none":
        raise UsageError(f"{source}: --slices is for TIFF stacks; a NIfTI or MRC file is a volume")
    volume = volume_files.read(source, options.max_pixels)
    volume_files.check_target(target, source, options.overwrite)
    own = with_spacing(options, volume.spacing, volume_files.format_of(source) == "NIfTI")
    result = np.empty(volume.array.shape, options.dtype or volume.array.dtype)
    lines = []
    others = list(np.ndindex(volume.array.shape[3:]))
    outside = mask_of(options, volume.array.shape[:3])
    for k, index in enumerate(others):
        place = (slice(None),) * 3 + index
        _, new, line, found = processed(source, images.Image(volume.array[place]), outside, own,
                                        process, _progress(shown, len(others)))
        result[place] = new.pixels
        tell("row", row(source, k + 1 if len(others) > 1 else None, *found))
        lines.append(line)
    volume_files.write(target, volume, result, options.overwrite)
    return _line(lines, own), 0


def axis_of(stack, options):
    """Which page axis of a TIFF stack is that of slices, or None where its pages are images."""
    wanted, pages = getattr(options, "volumes", "none"), stack.outer.replace(stack.coupled, "") \
        if stack.coupled else stack.outer
    if wanted == "none" or "Z" not in pages and wanted != "all":
        return None
    axis = "Z" if "Z" in pages else pages if len(pages) == 1 else None
    if axis is None:
        raise UsageError(f"{stack.name}: --volume needs an axis of slices, Z, or a single one of "
                         f"pages; it has {stack.axes} of shape {stack.shape}")
    return pages.index(axis) if stack.pages[pages.index(axis)] > 1 else None


def run_stack(stack, axis, target, options, process, tell, shown):
    """Process a TIFF stack whose page axis of this number is that of slices."""
    if stack.alpha_kind:
        raise UsageError(f"{stack.name}: a volume with transparency is not filtered; --slices "
                         f"filters its pages one by one")
    own = with_spacing(options, voxels.of_tiff(stack.metadata))
    images.check_target(target, options.overwrite)
    shape = list(stack.pages)
    slices = shape.pop(axis)
    images_of = np.empty(stack.pages, object)
    lines, outside = [], mask_of(options, (slices, *stack.shape[len(stack.outer):][:2]))
    for k, index in enumerate(itertools.product(*map(range, shape))):
        places = [(*index[:axis], z, *index[axis:]) for z in range(slices)]
        pages = [stack.read(place) for place in places]
        channels = pages[0].channel_axis
        if channels == 0:
            channels = 1
        volume = images.Image(np.stack([page.pixels for page in pages]), channels,
                              metadata=pages[0].metadata)
        _, new, line, found = processed(stack.name, volume, outside, own, process,
                                        _progress(shown, int(np.prod(shape))))
        tell("row", row(stack.name, k + 1 if shape else None, *found))
        lines.append(line)
        for place, page, plane in zip(places, pages, new.pixels, strict=True):
            images_of[place] = replace(page, pixels=plane)
    lost = tiff_stacks.write_stack(target, stack, iter(images_of.ravel()), options.dtype,
                                   options.overwrite)
    lost = [*stack.about.metadata.lost, *lost]
    if lost:
        tell("note", f"{target}: not kept in TIFF: {', '.join(lost)}")
    return _line(lines, own), 0


def _progress(shown, count):
    """What shows the progress of one of so many volumes, None if there are several."""
    return shown.move if count == 1 and shown is not None and shown.shown else None


def _line(lines, options):
    """A line about volumes: how many, their voxels, and what was done if it is the same for all."""
    spacing = " x ".join(f"{distance:.4g}" for distance in options.voxels)
    count = f"{len(lines)} volumes" if len(lines) > 1 else "volume"
    return f"{count}, voxels {spacing}, {lines[0] if len(set(lines)) == 1 else 'each by itself'}"
