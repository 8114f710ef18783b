"""The models. Each module defines a family of models: its options and its network."""
