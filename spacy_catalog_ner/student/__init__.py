"""The student: components and functions of ``configs/student_*.cfg``, model card, speed."""
