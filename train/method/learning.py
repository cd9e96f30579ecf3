"""The networks that a training loop trains, whoever teaches them."""

from train.method.distillation import Distillation
from train.method.student_teacher import StudentTeacher

Learning = StudentTeacher | Distillation
"""A module that knows its own loss; its parameters and buffers are what a checkpoint holds.

A StudentTeacher learns from its EMA, a Distillation from a frozen model.
"""
