"""Pictures of training, predictions and errors."""
