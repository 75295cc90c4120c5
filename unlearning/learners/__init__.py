"""How to train: from records to a state, step by step and to the same bytes every time.

`torch` trains any PyTorch module described by a `TorchRecipe`. A learner of your own satisfies
`unlearning.domain.protocols.Learner`, is announced under the entry point group `unlearning.learners`, and is chosen by a
recipe's `learner`; `requirements` pins the libraries that serve it. How to write one: docs/writing-a-learner.md.
"""
