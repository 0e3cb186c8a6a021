"""EXIF data by Pillow: of a photograph, and in the tags and directories of TIFF files.

All of it is what Pillow's Exif.tobytes writes: the first directory, that of the camera, and that of
GPS; never the thumbnail, which would show the picture as it was.
"""

import struct

ORIENTATION, CAMERA, GPS, WIDTH, HEIGHT = 0x0112, 0x8769, 0x8825, 0xA002, 0xA003
DESCRIPTION = 270
WORDS = (269, DESCRIPTION, 271, 272, 285, 305, 306, 315, 316, 33432)  # who, with what, when
# What describes the pixels of a file instead of the picture, and may not be true of another one.
STRUCTURE = (*range(254, 267), 273, 277, 278, 279, 284, 317, 320, *range(322, 326), 330, 338, 339,
             513, 514, 700, 34675)


def upright(image):
    """An opened picture as it is to be shown; as it is stored, if its EXIF data are damaged."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error, OSError):
        image.load()  # what else is damaged, is told
        return image


def has(image, tag):
    """Whether an opened picture has a tag in its first directory."""
    try:
        return tag in image.getexif()
    except Exception:  # of damaged data Pillow raises whatever it likes
        return False


def of_picture(image, size):
    """The EXIF data of an opened picture that is upright now and has this size; None if none."""
    try:
        exif = image.getexif()
        _set_size(exif, size)
        for tag in STRUCTURE:
            exif.pop(tag, None)
        if ORIENTATION in exif:
            exif[ORIENTATION] = 1
        return exif.tobytes() if len(exif) else None
    except Exception:
        return None


def of_tiff(name):
    """The directories of the camera and of GPS of a TIFF file, as EXIF data; None if none."""
    from PIL import Image as pillow

    try:
        found = pillow.Exif()
        with pillow.open(name) as image:
            for code in (CAMERA, GPS):
                if directory := image.getexif().get_ifd(code):
                    found[code] = dict(directory)
        return found.tobytes() if len(found) else None
    except Exception:
        return None


def words(content):
    """What the first directory says in words: {tag: text}."""
    return {code: text.strip("\0 ") for code, text in _load(content).items()
            if code in WORDS and isinstance(text, str) and text.strip("\0 ")}


def for_picture(content, new, size):
    """The EXIF data of a picture of this size, with these words where it has none; None if empty.
    """
    exif = _load(content)
    exif.update({code: text for code, text in new.items() if code not in exif})
    _set_size(exif, size)
    return exif.tobytes() if len(exif) else None


def directories(content):
    """The tags of the directories that there are."""
    exif = _load(content)
    return [code for code in (CAMERA, GPS) if code in exif and exif.get_ifd(code)]


def stand_in(code):
    """The tag that is written in the place of another one, which tifffile does not write."""
    return code - 1


def append(file, content):
    """Write the directories behind a little-endian TIFF file, which has `stand_in` tags for them.
    """
    import tifffile
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    exif = _load(content)
    for code in directories(content):
        file.seek(0)
        with tifffile.TiffFile(file) as written:
            tag = written.pages.first.tags[stand_in(code)]
        offset = file.seek(0, 2)
        offset += file.write(b"\0" * (offset % 2))
        directory = ImageFileDirectory_v2(ifh=b"II*\0\0\0\0\0")
        directory.update(exif.get_ifd(code))
        file.write(directory.tobytes(offset))
        file.seek(tag.offset)
        file.write(struct.pack("<H", code))
        file.seek(tag.valueoffset)
        file.write(struct.pack("<I", offset))


def _set_size(exif, size):
    """Width and height in the directory of the camera, where it tells them."""
    camera = exif.get_ifd(CAMERA) if CAMERA in exif else {}
    camera |= {tag: length for tag, length in zip((WIDTH, HEIGHT), size) if tag in camera}


def _load(content):
    from PIL import Image as pillow

    exif = pillow.Exif()
    if content:
        exif.load(content)
    return exif
