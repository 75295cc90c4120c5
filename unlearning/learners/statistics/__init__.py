"""Models that are a function of sums over people: regressions, naive Bayes, LDA, nearest centroid, item-item recommenders."""

from unlearning.learners.statistics.learner import StatisticsLearner
from unlearning.learners.statistics.ranking import RankingRecipe
from unlearning.learners.statistics.recipe import StatisticsRecipe

__all__ = ["RankingRecipe", "StatisticsLearner", "StatisticsRecipe"]
