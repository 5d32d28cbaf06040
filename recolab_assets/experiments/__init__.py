"""Simulated online evaluation: assignment, response models, A/B, interleaving, truth, scorecard."""
