"""The Match tab without the page: which part of one picture is where in others, as numbers, pictures and files."""
