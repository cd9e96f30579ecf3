"""Files by which programs meet: run folders, scores, timelines, curations, files of features."""
