"""Linear and logistic models that are trained with secret noise, so that the method `newton` can certify a removal."""

from unlearning.learners.convex.learner import ConvexLearner
from unlearning.learners.convex.recipe import ConvexRecipe

__all__ = ["ConvexLearner", "ConvexRecipe"]
