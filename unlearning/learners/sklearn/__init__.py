"""Any scikit-learn estimator or pipeline described by a `SklearnRecipe`, fitted inside each member to the same bytes."""

from unlearning.learners.requirements import extra

with extra("sklearn"):
    from unlearning.learners.sklearn.learner import SklearnLearner
    from unlearning.learners.sklearn.recipe import SklearnRecipe

__all__ = ["SklearnLearner", "SklearnRecipe"]
