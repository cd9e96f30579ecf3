"""What lies on disk between programs: run folders, scores, timelines, curations, files of features."""
