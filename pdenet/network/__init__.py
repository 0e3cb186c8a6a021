"""Many steps: networks of diffusion blocks, their adjoint, their parameters, and their files."""
