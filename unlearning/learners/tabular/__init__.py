"""What learners on tables share: the recipe that turns columns into arrays, and how what they made is served."""

from unlearning.learners.tabular.packaging import packaged, program
from unlearning.learners.tabular.recipe import TableRecipe

__all__ = ["TableRecipe", "packaged", "program"]
