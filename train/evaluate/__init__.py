"""What frozen features are worth: tasks on labelled images, on whole pictures and on a rendered world."""
