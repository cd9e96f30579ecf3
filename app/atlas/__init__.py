"""The Map tab without Gradio: what is mapped, its colours, and what the browser and the visitor get of it."""
