"""The models: a module for each family with its options and its network, and the file of a trained one."""
