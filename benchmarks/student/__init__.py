"""The students, against each other and the teacher."""
