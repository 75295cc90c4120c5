"""The score that a ward can read: a logistic regression, with what it fits of the visits fitted inside each member."""

from __future__ import annotations

from columns import NUMBERS, TABLE, WORDS
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from unlearning.learners.sklearn import SklearnRecipe

numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
words = OneHotEncoder(categories=[list(one) for one in WORDS.values()], handle_unknown="ignore", sparse_output=False)

recipe = SklearnRecipe(
    **TABLE,
    estimator=make_pipeline(
        make_column_transformer((numbers, list(NUMBERS)), (words, list(WORDS))), LogisticRegression(C=0.5, max_iter=500)
    ),
)
