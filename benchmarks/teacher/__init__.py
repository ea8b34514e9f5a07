"""The teacher, against baselines."""
