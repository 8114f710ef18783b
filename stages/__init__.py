"""The scripts of the stages of dvc.yaml. Each reads its parameters, calls its package and writes its outputs."""
