"""A client of the Kubernetes container runtime interface: what the kubelet asks of containerd, over its socket. Debian
packages no such client; the protocol is that of /usr/local/share/cri.proto (tests/vm/image)."""
import importlib
import os
import subprocess
import sys
import tempfile

import grpc

PROTOCOL = "/usr/local/share/cri.proto"
SOCKET = "unix:///run/containerd/containerd.sock"


def messages():
    """The module with the protocol's messages, made by protoc."""
    directory = tempfile.mkdtemp(prefix="cri-")
    subprocess.run(["protoc", f"--python_out={directory}", f"--proto_path={os.path.dirname(PROTOCOL)}",
                    os.path.basename(PROTOCOL)], check=True)
    sys.path.insert(0, directory)
    return importlib.import_module("cri_pb2")


class Client:
    """A connection: client.RunPodSandbox(config=..., runtime_handler=...) calls the method of that name; what is
    given as a dictionary becomes the message."""

    def __init__(self, address=SOCKET):
        self.types = messages()
        self.channel = grpc.insecure_channel(address)
        self.services = {method.name: (service.full_name, method)
                         for service in self.types.DESCRIPTOR.services_by_name.values()
                         for method in service.methods}

    def __getattr__(self, name):
        service, method = self.services[name]
        request, reply = (getattr(self.types, kind.name) for kind in (method.input_type, method.output_type))
        # Debian's protobuf: no class in a descriptor, but the module has them all
        stub = self.channel.unary_unary(f"/{service}/{name}", request_serializer=request.SerializeToString,
                                        response_deserializer=reply.FromString)

        def call(**fields):
            return stub(request(**fields), timeout=300)
        return call
