"""Models that are a function of sums over people: ridge, linear regression, naive Bayes, LDA, nearest centroid."""

from unlearning.learners.statistics.learner import StatisticsLearner
from unlearning.learners.statistics.recipe import StatisticsRecipe

__all__ = ["StatisticsLearner", "StatisticsRecipe"]
