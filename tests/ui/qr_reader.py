"""What a QR code says (ISO/IEC 18004), for codes of bytes that nothing covers: no correction is made, but each block must be free of errors."""
WORDS = [0, 26, 44, 70, 100, 134, 172, 196, 242, 292, 346, 404, 466]
BLOCKS = [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4]
CHECK = [0, 7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24]
INVERTS = [lambda y, x: (y + x) % 2, lambda y, x: y % 2, lambda y, x: x % 3, lambda y, x: (y + x) % 3, lambda y, x: (y // 2 + x // 3) % 2, lambda y, x: y * x % 2 + y * x % 3,
           lambda y, x: (y * x % 2 + y * x % 3) % 2, lambda y, x: ((y + x) % 2 + y * x % 3) % 2]


def multiply(a, b):
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = a << 1 ^ (0x11D if a & 128 else 0), b >> 1
    return product


def is_function(y, x, version):
    """Whether a cell belongs to the frame, not to the data."""
    size = 17 + 4 * version
    if x == 6 or y == 6 or y < 9 and (x < 9 or x >= size - 8) or y >= size - 8 and x < 9:
        return True
    if version >= 7 and (y < 6 and size - 11 <= x or x < 6 and size - 11 <= y):
        return True
    last = size - 7
    centres = [] if version < 2 else [6, last] if version < 7 else [6, (6 + last) // 2, last]
    return any(abs(y - cy) < 3 and abs(x - cx) < 3 for cy in centres for cx in centres if (cy, cx) not in ((6, 6), (6, last), (last, 6)))


def data_bits(rows, version, mask):
    size, up = len(rows), True
    for right in [*range(size - 1, 6, -2), 5, 3, 1]:
        for y in range(size - 1, -1, -1) if up else range(size):
            for x in (right, right - 1):
                if not is_function(y, x, version):
                    yield int(rows[y][x]) ^ (INVERTS[mask](y, x) == 0)
        up = not up


def read(rows):
    """The text of a square of booleans, True is dark."""
    version = (len(rows) - 17) // 4
    form = "".join(str(int(rows[8][x])) for x in (0, 1, 2, 3, 4, 5, 7, 8)) + "".join(str(int(rows[y][8])) for y in (7, 5, 4, 3, 2, 1, 0))
    level_and_mask = (int(form, 2) ^ 0x5412) >> 10
    assert level_and_mask >> 3 == 1, "correction level L"
    bits = "".join(map(str, data_bits(rows, version, level_and_mask & 7)))
    words = [int(bits[i * 8:i * 8 + 8], 2) for i in range(WORDS[version])]
    n, check = BLOCKS[version], CHECK[version]
    room = len(words) - n * check
    lengths = [room // n + (i >= n - room % n) for i in range(n)]
    stream, blocks = iter(words), [[] for _ in range(n)]
    for lane in (max(lengths), check):
        for i in range(lane):
            for b, length in zip(blocks, lengths):
                if lane == check or i < length:
                    b.append(next(stream))
    root = 1
    for _ in range(check):
        for b in blocks:
            value = 0
            for word in b:
                value = multiply(value, root) ^ word
            assert value == 0, "a block has an error"
        root = multiply(root, 2)
    text = "".join(f"{w:08b}" for b, length in zip(blocks, lengths) for w in b[:length])
    assert text[:4] == "0100", "bytes"
    wide = 8 if version < 10 else 16
    length = int(text[4:4 + wide], 2)
    return bytes(int(text[4 + wide + i * 8:12 + wide + i * 8], 2) for i in range(length)).decode()
