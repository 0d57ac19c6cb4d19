"""How things get their public names, ours and those of other people's packages; lies below every other package."""
