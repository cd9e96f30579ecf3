"""Pretraining, distillation, curation and evaluation of the models in `core`."""
