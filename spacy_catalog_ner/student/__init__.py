"""What ``configs/student_*.cfg`` refer to: the suggester and the backbone."""
