"""The session bus: calls and signals of D-Bus, with its failures as errors of ours."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from actions.errors import DisplayGone

CALL_SECONDS = 25.0  # as other clients of D-Bus wait
Variant = tuple[str, object]  # the signature of a value, and the value
Options = dict[str, Variant]


class BusError(Exception):
    """A call was answered with an error; `name` is that of D-Bus, as in org.freedesktop.DBus.Error.AccessDenied."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message or name)
        self.name = name


class Service:
    """A connection of its own to the session bus (`bus`: its address), for calls to the object at `path` of `name`. For any thread.

    Raises:
        DisplayGone: there is no session bus, or the library for it is missing.
    """

    def __init__(self, name: str, path: str, bus: str | None = None) -> None:
        try:
            from jeepney import MatchRule, message_bus
            from jeepney.io.threading import DBusRouter, open_dbus_connection
        except ImportError as error:
            raise DisplayGone("a Wayland session needs jeepney: pip install 'deftly[wayland]'") from error

        class Router(DBusRouter):  # type: ignore[misc]  # jeepney tells no types
            def _receiver(self) -> None:
                with suppress(OSError):  # the bus went away: whoever waits is told so, and no thread ends with a traceback
                    super()._receiver()

        self._name, self._path = name, path
        self._match, self._messages = MatchRule, message_bus
        try:
            self._connection = open_dbus_connection(bus or "SESSION", enable_fds=True)
        except (OSError, KeyError, ValueError) as error:
            raise DisplayGone(f"there is no session bus at {bus or '$DBUS_SESSION_BUS_ADDRESS'}: {error}") from error
        self._router = Router(self._connection)
        self._closing = threading.Lock()
        self._closed = False

    @property
    def sender(self) -> str:
        """The name of this connection, as it stands in the paths of the portal's requests."""
        return str(self._connection.unique_name)[1:].replace(".", "_")

    def call(self, interface: str, method: str, signature: str = "", *body: object, path: str | None = None) -> tuple[Any, ...]:
        """What `method` answers.

        Raises:
            BusError: it answers with an error.
            DisplayGone: the bus or the service does not answer.
        """
        from jeepney import DBusAddress, new_method_call

        address = DBusAddress(path or self._path, bus_name=self._name, interface=interface)
        return self._ask(new_method_call(address, method, signature or None, body))

    def _ask(self, message: Any) -> tuple[Any, ...]:
        from jeepney import DBusErrorResponse
        from jeepney.io.common import RouterClosed
        from jeepney.wrappers import unwrap_msg

        try:
            return tuple(unwrap_msg(self._router.send_and_get_reply(message, timeout=CALL_SECONDS)))
        except DBusErrorResponse as error:
            raise BusError(str(error.name), " ".join(map(str, error.data))) from error
        except (OSError, TimeoutError, RouterClosed) as error:
            raise DisplayGone(f"{self._name} does not answer on the session bus: {error or type(error).__name__}") from error

    def read(self, interface: str, name: str) -> Any:
        """The value of a property.

        Raises:
            BusError: there is no such property.
            DisplayGone: the bus or the service does not answer.
        """
        (variant,) = self.call("org.freedesktop.DBus.Properties", "Get", "ss", interface, name)
        return variant[1]

    def is_there(self, name: str) -> bool:
        """Whether somebody on this bus owns `name`."""
        return bool(self._ask(self._messages.NameHasOwner(name))[0])

    @contextmanager
    def signals(self, interface: str, signal: str, path: str) -> Iterator[queue.Queue[Any]]:
        """A queue of the messages of `signal` from the object at `path`, from now on."""
        rule = self._match(type="signal", interface=interface, member=signal, path=path)
        heard: queue.Queue[Any] = queue.Queue()
        with self._router.filter(rule, queue=heard):
            self._ask(self._messages.AddMatch(rule))
            yield heard

    @property
    def alive(self) -> bool:
        return not self._closed and self._router._rcv_thread.is_alive()

    def close(self) -> None:
        """Disconnect, which ends what is bound to this connection. Safe to call twice."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._router.close()
                self._connection.close()
