"""The networks that come with the package, as JSON files; each says how it was trained."""

# Those of the experiment of Section 6, by the names that `pdenet.pretrained` takes.
PRETRAINED = ("isotropic", "anisotropic", "uncoupled", "anisotropic-steered",
              "anisotropic-invariant")
