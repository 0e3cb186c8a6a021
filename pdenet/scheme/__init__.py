"""The paper's sentence, one file a word: u <- u - tau sum_l w_l G_l K' Phi(K G_l u).

`operators` has K, `scales` w_l and G_l, `fluxes` Phi = D K u with D a function of the structure
tensor, `diffusivities` that function g, `data_terms` what pulls back to the image given,
`stability` the bound of tau, and `block` the step itself with its adjoint.
"""
