"""Self-distillation: a student, its teacher, their heads, and the objective between them."""
