"""What ``configs/student_*.cfg`` refer to, an augmenter, and the card of a trained student."""
