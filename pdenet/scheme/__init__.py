"""The explicit step, one file for each of its parts: u <- u - tau sum_l w_l G_l K' M(D) K G_l u.

`operators` has K and M, `scales` has w_l and G_l, `fluxes` says which function of the structure
tensor D is, `diffusivities` has that function g, `data_terms` what pulls back to the image given,
`stability` the bound of tau, and `block` the step itself with its adjoint.
"""
