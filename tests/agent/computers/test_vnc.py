"""What is VNC's own: passwords, a server that restarts, and servers that are none."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from actions.backends.rfb_wire import answer
from actions.geometry import Point, Size
from actions.space import Move
from agent.computers.opening import ComputerOptions, open_computer
from agent.computers.vnc import VncComputer
from agent.endings import DisplayLost
from tests.actions.conftest import PATIENCE
from tests.agent.computers.benches import VncDesktop


def test_the_answer_to_a_challenge_is_des_by_the_password_with_its_bits_turned_around() -> None:
    # FIPS 81's test: the key 0123456789abcdef encrypts "Now is t" to 3fa40e8a984d4815.
    password = bytes(int(f"{byte:08b}"[::-1], 2) for byte in bytes.fromhex("0123456789abcdef")).decode("latin-1")
    assert answer(b"Now is t" * 2, password).hex() == "3fa40e8a984d4815" * 2


@pytest.mark.display
def test_a_server_with_a_password_lets_in_who_knows_it(tmp_path: Path) -> None:
    file = tmp_path / "passwd"
    fixed_key = bytes([23, 82, 107, 6, 35, 78, 88, 7]).decode("latin-1")  # by which every VNC server hides its password file
    file.write_bytes(answer(b"s3cret-8" * 2, fixed_key)[:8])
    vnc = VncDesktop(Size(640, 480), "-SecurityTypes", "VncAuth", "-PasswordFile", str(file))
    address = f"vnc://127.0.0.1:{vnc.port}"
    try:
        with pytest.raises(DisplayLost, match="wants a password"):
            open_computer(address)
        with pytest.raises(DisplayLost, match="did not let us in"):
            open_computer(address, ComputerOptions(secret="wrong"))
        computer = open_computer(address, ComputerOptions(secret="s3cret-8"))
        assert computer.geometry.size == (640, 480)
        computer.close()
    finally:
        vnc.close()


@pytest.mark.display
def test_a_server_that_comes_back_is_connected_to_anew() -> None:
    vnc = VncDesktop(Size(640, 480))
    computer = VncComputer("127.0.0.1", vnc.port, patience=PATIENCE)
    computer.screenshot()
    vnc.close()
    vnc = VncDesktop(Size(800, 600), port=vnc.port)
    assert computer.screenshot().size == computer.geometry.size == (800, 600)
    assert computer.perform(Move(point=Point(0.5, 0.5))).note == ""
    computer.close()
    vnc.close()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no VNC server"),
        (b"RFB 003.003\n", "3.8 is needed"),
        (b"RFB 003.008\n\x00\x00\x00\x00\x04busy", "busy"),
        (b"RFB 003.008\n\x01\x13", "do not know|know none"),
        (b"RFB 003.008\n\x01\x01\x00\x00\x00\x00\xff\xff\xff\xff", "sides are from 1"),
        (b"RFB 003.008\n", "hung up"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_apart(says: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(says)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1000):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(DisplayLost, match=words):
            VncComputer("127.0.0.1", listening.getsockname()[1])
        thread.join()
