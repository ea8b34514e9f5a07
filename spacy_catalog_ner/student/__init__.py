"""What ``configs/student_*.cfg`` refer to, and the card of a trained student."""
