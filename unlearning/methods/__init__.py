"""How to forget: one published method a file.

They are found through the entry points `unlearning.methods`.
`constituent.py` is the engine of the exact methods and `whole_model.py` the frame of those that change a trained model.
"""
