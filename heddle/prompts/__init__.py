"""What people write: prompt syntax, tokens, chunks, embeddings by name. No torch here."""
