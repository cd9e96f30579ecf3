"""Evaluation of frozen features: tasks on labelled images, on whole pictures and on a rendered world."""
