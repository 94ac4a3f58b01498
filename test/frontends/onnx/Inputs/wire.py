"""Writes protobuf by hand, so that a message can say what no library would let it say."""


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


# The fields of onnx.proto that the tests need.
def dim(size):
    return data(1, number(1, size))


def value_info(name, dims, element=1):
    shape = b"".join(dim(size) for size in dims)
    return data(1, name) + data(2, data(1, number(1, element) + data(2, shape)))


def tensor(name, dims, raw=None, element=1, external=None):
    message = b"".join(number(1, size) for size in dims) + number(2, element) + data(8, name)
    if raw is not None:
        message += data(9, raw)
    for key, value in (external or {}).items():
        message += data(13, data(1, key) + data(2, value))
    return message + (number(14, 1) if external is not None else b"")


def node(op_type, inputs, outputs, name="", attributes=(), domain=""):
    message = b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs)
    message += data(3, name) + data(4, op_type) + b"".join(data(5, a) for a in attributes)
    return message + (data(7, domain) if domain else b"")


def graph(nodes=(), inputs=(), outputs=(), initializers=(), name="g"):
    message = b"".join(data(1, n) for n in nodes) + data(2, name) + b"".join(data(5, t) for t in initializers)
    return message + b"".join(data(11, i) for i in inputs) + b"".join(data(12, o) for o in outputs)


def function(name, inputs, outputs, nodes, domain="local", imports=(("", 21), ("local", 1))):
    message = data(1, name) + b"".join(data(4, i) for i in inputs) + b"".join(data(5, o) for o in outputs)
    message += b"".join(data(7, n) for n in nodes) + b"".join(data(9, opset(*i)) for i in imports)
    return message + data(10, domain)


def opset(domain, version):
    return data(1, domain) + number(2, version)


def model(graph_message, ir_version=10, opsets=(("", 21),), functions=()):
    message = number(1, ir_version) + data(7, graph_message) + b"".join(data(8, opset(*o)) for o in opsets)
    return message + b"".join(data(25, f) for f in functions)
