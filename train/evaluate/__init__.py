"""What frozen features are worth: nearest neighbours and linear layers on labelled images."""

from train.evaluate.accuracy import Accuracy, accuracy
from train.evaluate.knn import knn_accuracy
from train.evaluate.labelled import LabelledSample, labelled_sample
from train.evaluate.linear import LinearProbe, linear_accuracy

__all__ = [
    "Accuracy",
    "LabelledSample",
    "LinearProbe",
    "accuracy",
    "knn_accuracy",
    "labelled_sample",
    "linear_accuracy",
]
