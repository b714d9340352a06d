"""Training: the configuration, the batches, the loop."""
