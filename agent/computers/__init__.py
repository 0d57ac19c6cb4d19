"""Things with a screen, a mouse and a keyboard, behind one protocol."""
