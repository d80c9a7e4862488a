"""The TopK family: wide ReLU dictionaries of which each row uses few units."""
