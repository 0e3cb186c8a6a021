"""Learning a network's parameters: what is minimised, by which optimiser, in which coordinates."""
