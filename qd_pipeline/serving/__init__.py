"""Prediction: model cache, drawing page, and the code of the model in MLflow."""
