"""The desktop of a Wayland session, seen and touched through xdg-desktop-portal."""
