"""The Video tab without Gradio: a clip painted frame by frame, and what the tab says."""
