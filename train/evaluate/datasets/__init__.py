"""What tasks are asked on: labelled images and pictures with truth, as published or in plain folders."""
