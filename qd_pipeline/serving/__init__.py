"""The page for drawing: strokes go to the server as they are drawn, probabilities come back."""
