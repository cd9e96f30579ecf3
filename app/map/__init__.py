"""The Map tab: pictures or patches as points, alike ones near one another."""
