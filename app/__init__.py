"""The Gradio app: what DINOv2's patch features know, on pictures of one's own. `python -m app` starts it."""
