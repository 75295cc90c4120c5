"""Any PyTorch module described by a `TorchRecipe`, trained step by step to the same bytes every time."""

from unlearning.learners.torch.learner import TorchLearner
from unlearning.learners.torch.recipe import Standardize, TorchRecipe, cross_entropy, standardize

__all__ = ["Standardize", "TorchLearner", "TorchRecipe", "cross_entropy", "standardize"]
