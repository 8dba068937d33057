"""Keys and values of a language model: what stays in memory, what leaves, what comes back."""
