"""Names of the emergence scale's measures on the page."""

MEASURES = {
    "foreground_found": "objects found (above 0.5)",
    "foreground_either_side": "foreground, better side",
    "pck_category": "parts, same category",
    "pck_family": "parts across categories",
    "pck_cartoon": "parts, photo to cartoon",
    "pck_sketch": "parts, photo to sketch",
    "segmentation_parts": "linear parts",
    "segmentation_object": "linear object",
    "depth_log_rmse": "linear depth error",
}
"""Names of the scale's measures that can stand alone, where those of the table lean on the row above."""
