"""What ``configs/student_*.cfg`` refer to: the suggester, the backbone, the corpus."""
