"""What every stage uses: errors, files, parameters, progress, randomness, worker processes."""
