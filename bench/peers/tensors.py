"""safetensors files without a library: a length, a JSON header, bytes."""
import json
import struct

import numpy as np

TYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U8": np.uint8}


def read(path):
    with open(path, "rb") as f:
        bytes_ = f.read()
    n = struct.unpack("<Q", bytes_[:8])[0]
    header, data = json.loads(bytes_[8:8 + n]), bytes_[8 + n:]
    header.pop("__metadata__", None)
    return {k: np.frombuffer(data[h["data_offsets"][0]:h["data_offsets"][1]], TYPES[h["dtype"]]).reshape(h["shape"]).copy() for k, h in header.items()}


def write(path, tensors, notes=None):
    names = {np.dtype(v): k for k, v in TYPES.items()}
    header, data = {"__metadata__": notes} if notes else {}, b""
    for name, x in tensors.items():
        x = np.ascontiguousarray(x)
        header[name] = {"dtype": names[x.dtype], "shape": list(x.shape), "data_offsets": [len(data), len(data) + x.nbytes]}
        data += x.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
