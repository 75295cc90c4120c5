"""What is read off a recipe's file: the person column, and only where running the file could give no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small_project import RECIPE
from unlearning.project.recipe_text import person
from unlearning.project.recipes import load_recipe, person_column

SCAFFOLDED = Path(__file__).parents[2] / "unlearning/entrypoints/scaffold/templates/recipes/diagnosis.py"
REPOSITORY = Path(__file__).parents[2] / "recipes/diagnosis.py"


@pytest.mark.parametrize(
    ("source", "said"), [(RECIPE, "patient"), (SCAFFOLDED.read_text(), "patient"), (REPOSITORY.read_bytes(), "patient")]
)
def test_recipes_as_they_are_written_say_whose_records_they_take(source: str | bytes, said: str) -> None:
    assert person(source, "recipe") == said


IMPORT = "from unlearning.learners.torch import TorchRecipe"
PLAIN = f"{IMPORT}\nrecipe = TorchRecipe(person='patient', target='y')\n"


@pytest.mark.parametrize(
    "source",
    [
        PLAIN,
        PLAIN.replace("recipe =", "recipe: TorchRecipe ="),
        PLAIN.replace("import TorchRecipe", "import TorchRecipe as Made").replace("= TorchRecipe", "= Made"),
        PLAIN + "def other(recipe_of: TorchRecipe):\n    return recipe.person\n",
        PLAIN + "if __name__ == '__main__':\n    print(recipe)\n",
    ],
)
def test_a_name_bound_once_to_a_recipe_of_plain_words_is_read(source: str) -> None:
    assert person(source, "recipe") == "patient"


@pytest.mark.parametrize(
    "source",
    [
        PLAIN.replace("'patient'", "PERSON"),
        PLAIN.replace("'patient'", "''"),
        PLAIN.replace("'patient'", "'pat' + 'ient'"),
        PLAIN.replace("person='patient'", "**given"),
        PLAIN.replace("recipe =", "other ="),
        PLAIN.replace("recipe =", "recipe = other ="),
        PLAIN + "recipe = replace(recipe, person='customer')\n",
        PLAIN + "recipe, other = make()\n",
        PLAIN + "for recipe in (1, 2):\n    pass\n",
        PLAIN + "def recipe():\n    pass\n",
        PLAIN + "class recipe:\n    person = 'customer'\n",
        PLAIN + "import models.recipe as recipe\n",
        PLAIN + "from models import recipe\n",
        PLAIN + "from models import *\n",
        PLAIN + "try:\n    pass\nexcept ValueError as recipe:\n    pass\n",
        PLAIN + "def change():\n    global recipe\n    recipe = None\n",
        PLAIN + "match 1:\n    case recipe:\n        pass\n",
        PLAIN + "if (recipe := make()):\n    pass\n",
        PLAIN + "del recipe\n",
        PLAIN + "globals()['recipe'] = make()\n",
        PLAIN + "object.__setattr__(recipe, 'person', 'customer')\n",
        PLAIN + "setattr(sys.modules[__name__], 'recipe', make())\n",
        PLAIN + "recipe.__dict__['person'] = 'customer'\n",
        PLAIN + "exec(code)\n",
        PLAIN.replace(IMPORT, f"{IMPORT}\ndef TorchRecipe(**given):\n    pass"),
        PLAIN.replace(IMPORT, f"{IMPORT}\nfrom mine import TorchRecipe"),
        PLAIN.replace("unlearning.learners.torch", "mine"),
        PLAIN.replace("import TorchRecipe", "import other as TorchRecipe"),
        PLAIN.replace("= TorchRecipe", "= torch.TorchRecipe"),
        f"{IMPORT}\nif True:\n    recipe = TorchRecipe(person='patient')\n",
        f"{IMPORT}\nclass Inner:\n    recipe = TorchRecipe(person='patient')\n",
        "recipe = (",
        "\0",
        b"\xff\xfe",
        "",
    ],
)
def test_whatever_else_could_come_of_running_it_is_not_read(source: str | bytes) -> None:
    assert person(source, "recipe") is None


def test_a_column_that_is_not_read_is_asked_of_the_recipe_itself(tmp_path: Path) -> None:
    for text in (
        RECIPE,
        RECIPE.replace('person="patient"', "person=PERSON").replace("def net", "PERSON = 'patient'\n\ndef net"),
    ):
        (tmp_path / "recipe.py").write_text(text)
        assert person_column(tmp_path, "recipe.py:recipe") == load_recipe(tmp_path, "recipe.py:recipe").person == "patient"
