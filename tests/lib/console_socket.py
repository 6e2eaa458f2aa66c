"""Containers with a terminal: the engine's side of the console socket."""
import array
import os
import socket


def receive_terminal(listener):
    """The descriptor that came over the console socket before create ended, or -1."""
    listener.settimeout(0.02)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return -1
    with connection:
        connection.settimeout(0.02)
        try:
            _, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        except TimeoutError:
            return -1
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                return array.array("i", data[:4])[0]
    return -1


def create_with_terminal(container):
    """create and start with a terminal; (the create's Result, what the container printed). Only the
    create runs under the runtime's wrapper, such as the stepper."""
    path = f"{container.runtime.directory}/console"
    container.config["process"]["terminal"] = True
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        result = container.try_create("--console-socket", path)
        container.runtime.wrapper = []
        master = receive_terminal(listener)
    os.unlink(path)
    if result.rc:
        if master >= 0:
            os.close(master)
        return result, None
    container.runtime.call("start", container.id)
    container.wait()
    text = b""
    try:
        while chunk := os.read(master, 4096):
            text += chunk
    except OSError:
        pass  # EIO: the other side is closed
    os.close(master)
    return result, text.decode(errors="replace").replace("\r", "")
