"""A vision-language model in this process, piece by piece: folder, pictures, prompt, network, memory, sampling, wording."""
