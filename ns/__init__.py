"""Noisy Student self-training (arXiv 1911.04252) for image classifiers."""
