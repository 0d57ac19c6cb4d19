"""Models on packs: attention, recurrent states, loss, and the proof that packed equals sample by sample."""
