"""Long documents, read as a stream into a typed memory of bounded size, each entry sourced."""
