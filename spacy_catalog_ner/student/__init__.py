"""What ``configs/student_*.cfg`` refer to: suggester and backbone; and an augmenter."""
