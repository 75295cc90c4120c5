"""Any PyTorch module described by a recipe, of columns or of lists, trained step by step to the same bytes every time."""

from unlearning.learners.torch.learner import TorchLearner
from unlearning.learners.torch.ranking import TorchRankingRecipe, Towers, bpr, sampled_softmax
from unlearning.learners.torch.recipe import Standardize, TorchRecipe, cross_entropy, standardize

__all__ = [
    "Standardize",
    "TorchLearner",
    "TorchRankingRecipe",
    "TorchRecipe",
    "Towers",
    "bpr",
    "cross_entropy",
    "sampled_softmax",
    "standardize",
]
