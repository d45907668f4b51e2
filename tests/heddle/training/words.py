"""A vocabulary of 500 made up for tests: a word's number comes from its letters."""

END = 499


def tokenize(text: str) -> list[int]:
    """77 ids of 500."""
    ids = [498, *(sum(map(ord, word)) % 400 for word in text.replace(",", " ,").split()), END]
    return ids + [END] * (77 - len(ids))
