"""Files of pictures and clips: listed, opened, decoded, and where the patches of a grid lie on them."""
