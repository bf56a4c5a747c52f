"""Dataflow documents to the model. The only package that imports docutils."""
