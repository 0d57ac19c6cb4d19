"""A vision-language model in this process, piece by piece: its folder, its pictures, its prompt, what it remembers, how it picks and spells."""
