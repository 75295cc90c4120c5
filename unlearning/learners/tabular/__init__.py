"""What learners on tables share: the recipe that turns columns into arrays, and how what they made is served."""

from unlearning.learners.tabular.lists import ItemListRecipe
from unlearning.learners.tabular.packaging import packaged, packaged_lists, program
from unlearning.learners.tabular.recipe import TableRecipe

__all__ = ["ItemListRecipe", "TableRecipe", "packaged", "packaged_lists", "program"]
