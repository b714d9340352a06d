"""The stages: a file each, with what it declares and what it does."""
