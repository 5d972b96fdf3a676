"""What is measured, as pure functions of answers, scores and outcomes."""
