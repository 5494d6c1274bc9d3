"""What operators of the window see and do: one module for each subject. Every act is in the journal with who did it."""
