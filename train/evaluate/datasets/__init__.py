"""Datasets of the tasks: labelled images and pictures with truth, as published or in plain folders."""
