"""Small learners on figures of models: probes, perceptrons, directions and maps."""
